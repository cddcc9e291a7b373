"""The page of a study: one HTML file that opens from disk, without a network.

Knows how data, charts, text, style and script become one self-contained document.
Must not know how a number was measured or judged, or how a chart is drawn.
"""

from emc.report.page import write_page

__all__ = ["write_page"]
