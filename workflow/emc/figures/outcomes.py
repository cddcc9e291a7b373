"""How probes end, by optimizer: fitted, stuck, censored, diverged."""

from typing import Final

import altair as alt

from emc.figures.encodings import outcome_colour, panels
from emc.figures.figure import Chart, Figure, cells_measured
from emc.figures.theme import OUTCOME_COLOURS
from emc.warehouse import Warehouse

_QUERY: Final = """
SELECT *, probes / sum(probes) OVER (PARTITION BY optimizer, labels) AS share
FROM (
  SELECT optimizer, labels, outcome, count(*) AS probes, count(DISTINCT cell) AS cells
  FROM probes JOIN cells USING (cell) GROUP BY ALL)
ORDER BY optimizer, labels, outcome
"""
_ORDER: Final = f"indexof({list(OUTCOME_COLOURS)}, datum.outcome)"


def draw(warehouse: Warehouse) -> Chart:
    """A panel a labelling, a bar an optimizer, a colour an outcome."""
    rows = warehouse.sql(_QUERY)
    bars = (
        alt.Chart()
        .transform_calculate(place=_ORDER)
        .mark_bar(height={"band": 0.7})
        .encode(
            x=alt.X("share:Q", title="share of probes", axis=alt.Axis(format="%", tickCount=5)),
            y=alt.Y("optimizer:N", title=None),
            color=outcome_colour(),
            order=alt.Order("place:Q"),
            tooltip=[
                "optimizer:N",
                "labels:N",
                "outcome:N",
                alt.Tooltip("share:Q", format=".1%"),
                alt.Tooltip("probes:Q", format=","),
                alt.Tooltip("cells:Q", format=","),
            ],
        )
    )
    height = 34 * rows["optimizer"].n_unique() + 10
    caption = (
        f"{rows['probes'].sum():,} probes at all learning rates. The search places n"
        " so that about half of its probes fit: what tells optimizers apart is how the others"
        " end. A censored probe ran out of budget and is no evidence that it cannot fit."
    )
    return panels([bars], rows, "labels", caption, height=height)


FIGURE: Final = Figure(
    "outcomes-by-optimizer", "How probes end, by optimizer", (cells_measured,), draw
)
