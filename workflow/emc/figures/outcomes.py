"""How probes end, by optimizer: fitted, finished, at a minimum, open, diverged."""

from typing import Final

from emc.figures.encodings import bar_panels, share_bars
from emc.figures.figure import Chart, Figure, cells_measured
from emc.figures.frames import counted
from emc.figures.theme import OUTCOME_COLOURS
from emc.warehouse import Warehouse

_QUERY: Final = """
SELECT *, probes / sum(probes) OVER (PARTITION BY optimizer, labels) AS share
FROM (
  SELECT optimizer, labels, outcome, count(*) AS probes, count(DISTINCT cell) AS cells
  FROM probes JOIN cells USING (cell) GROUP BY ALL)
ORDER BY optimizer, labels, outcome
"""


def draw(warehouse: Warehouse) -> Chart:
    """One panel per labelling, one bar per optimizer, one colour per outcome."""
    rows = warehouse.sql(_QUERY)
    bars = share_bars(
        "outcome",
        OUTCOME_COLOURS,
        of="probes",
        panel="labels",
        title="share of probes",
    )
    caption = (
        f"{counted(int(rows['probes'].sum()), 'probe')} at all learning rates. The search places n"
        " so that about half of its probes fit: what tells optimizers apart is how the others"
        " end. An open probe is undecided: it is no evidence that it cannot fit."
    )
    return bar_panels(bars, rows, "labels", caption)


FIGURE: Final = Figure(
    "outcomes-by-optimizer", "How probes end, by optimizer", (cells_measured,), draw
)
