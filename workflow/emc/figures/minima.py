"""What became of failures to fit, by optimizer: at a minimum, at a saddle, or merely unfinished."""

from typing import Final

from emc.figures.encodings import bar_panels, share_bars
from emc.figures.figure import Chart, Figure, some
from emc.figures.theme import COLOURS, NEUTRAL
from emc.warehouse import Warehouse

_CONCLUSIONS: Final = {
    "minimum": COLOURS[1],
    "saddle": COLOURS[3],
    "unfinished": COLOURS[0],
    "unconverged": COLOURS[5],
    "inconclusive": NEUTRAL,
}
_QUERY: Final = """
SELECT *, failures / sum(failures) OVER (PARTITION BY optimizer, architecture) AS share
FROM (
  SELECT optimizer, architecture, conclusion, count(*) AS failures, count(DISTINCT cell) AS cells,
    count(polish_iterations) AS polished
  FROM curvature WHERE outcome <> 'fit' GROUP BY ALL)
ORDER BY optimizer, architecture, conclusion
"""


def draw(warehouse: Warehouse) -> Chart:
    """A panel an architecture, a bar an optimizer, a colour a conclusion."""
    rows = warehouse.sql(_QUERY)
    bars = share_bars(
        "conclusion",
        _CONCLUSIONS,
        of="failures",
        panel="architecture",
        title="share of examined failures",
    )
    failures, polished = rows["failures"].sum(), rows["polished"].sum()
    caption = (
        f"{failures:,} failures to fit, the smallest of each cell; L-BFGS went on from"
        f" {polished:,} of them. Unfinished: it fits the samples, so that the training procedure"
        " stopped too early. Only a failure at a minimum counts against the net."
    )
    return bar_panels(bars, rows, "architecture", caption)


FIGURE: Final = Figure(
    "failures-by-optimizer",
    "Where failures to fit stopped, by optimizer",
    (
        some(
            "FROM curvature WHERE outcome <> 'fit'",
            "No failure to fit has a certificate: run `snakemake` with this study to the end.",
        ),
    ),
    draw,
)
