"""Where unfitted probes near emc50 ended, by optimizer: at a minimum, or at a saddle."""

from typing import Final

from emc.figures.encodings import bar_panels, share_bars
from emc.figures.figure import Chart, Figure, some
from emc.figures.theme import COLOURS, NEUTRAL
from emc.warehouse import Warehouse

_VERDICTS: Final = {
    "minimum": COLOURS[1],
    "saddle": COLOURS[3],
    "unconverged": COLOURS[5],
    "inconclusive": NEUTRAL,
}
_QUERY: Final = """
SELECT *, unfitted / sum(unfitted) OVER (PARTITION BY optimizer, architecture) AS share
FROM (
  SELECT optimizer, architecture, verdict, count(*) AS unfitted, count(DISTINCT cell) AS cells
  FROM curvature WHERE NOT fitted GROUP BY ALL)
ORDER BY optimizer, architecture, verdict
"""


def draw(warehouse: Warehouse) -> Chart:
    """One panel per architecture, one bar per optimizer, one colour per verdict."""
    rows = warehouse.sql(_QUERY)
    bars = share_bars(
        "verdict",
        _VERDICTS,
        of="unfitted",
        panel="architecture",
        title="share of examined probes",
    )
    caption = (
        f"{rows['unfitted'].sum():,} unfitted probes, those of each cell that lie next to its EMC,"
        " as the finish left them. The verdict adds the curvature to the first-order test."
    )
    return bar_panels(bars, rows, "architecture", caption)


FIGURE: Final = Figure(
    "unfitted-by-optimizer",
    "Where unfitted probes stopped, by optimizer",
    (
        some(
            "FROM curvature WHERE NOT fitted",
            "No unfitted probe has a certificate: run this study to the end.",
        ),
    ),
    draw,
)
