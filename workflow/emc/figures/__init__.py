"""One function per figure: from the warehouse to an Altair chart.

Knows marks, scales, colours and captions, and what a study must hold before a figure can speak.
Must not know how a number was measured or judged, or what page a figure lands on.
"""

from emc.figures.cell import cell_charts
from emc.figures.figure import Figure
from emc.figures.registry import FIGURES, figure
from emc.figures.save import draw_all, save, specification

__all__ = ["FIGURES", "Figure", "cell_charts", "draw_all", "figure", "save", "specification"]
