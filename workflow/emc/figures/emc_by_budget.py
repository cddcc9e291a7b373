"""EMC against the training budget, in epochs, steps and gradient evaluations."""

from typing import Final

import altair as alt

from emc.figures.encodings import (
    INTERVAL,
    SAMPLES_WITHIN_BUDGET,
    colour,
    interval_bars,
    legend_filter,
    log_x,
    log_y,
    panels,
    with_interval,
)
from emc.figures.figure import Chart, Figure, some
from emc.figures.frames import finite, spread
from emc.figures.theme import NEUTRAL
from emc.warehouse import Warehouse

MOST_LINES: Final = 60

_QUERY: Final = """
SELECT b.cell, b.unit, b.budget, b.emc50, b.low, b.high, b.bound, b.rise, b.unknown, b.probes,
  c.labels, c.architecture, c.optimizer
FROM emc_by_budget AS b JOIN cells AS c USING (cell)
WHERE reached > 0 ORDER BY b.cell, b.unit, b.budget
"""

_BUDGETS_KNOWN: Final = some(
    "FROM emc_by_budget WHERE reached > 0",
    "No measured cell has a learning rate that does not follow the budget: give a section"
    " `schedule: constant`.",
)
_SHAPES: Final = {"none": "circle", "lower": "triangle-up", "upper": "triangle-down"}
_TOOLTIP: Final = [
    alt.Tooltip("budget:Q", format=","),
    "unit:N",
    alt.Tooltip("emc50:Q", title="within the budget", format=",.4~r"),
    INTERVAL,
    alt.Tooltip("rise:Q", title="rise per doubling", format=".3~f"),
    "bound:N",
    alt.Tooltip("unknown:Q", title="probes that cannot tell"),
    "probes:Q",
    "labels:N",
    "architecture:N",
    "cell:N",
]
_CAPTION: Final = (
    "Each point fits the cell's probes at its best learning rate anew, a run counting as fitted if"
    " it was within the budget; bars are 95 % intervals. No probe was trained for it. Triangles are"
    " bounds: the transition lies beyond the n that were tried."
)


def draw(warehouse: Warehouse) -> Chart:
    """One panel per unit of the budget, one line per cell, one colour per optimizer."""
    rows = finite(warehouse.sql(_QUERY))
    cells = rows.select("cell").unique(maintain_order=True)
    shown_cells = spread(cells, MOST_LINES)
    shown = rows.join(shown_cells, on="cell", how="semi")
    chosen, faded = legend_filter("optimizer")
    base = alt.Chart().encode(
        x=log_x("budget", "budget of a probe"),
        color=colour(warehouse, shown, "optimizer"),
        opacity=faded,
    )
    intervals = interval_bars(base, SAMPLES_WITHIN_BUDGET, strokeWidth=1)
    lines = base.mark_line(strokeWidth=1).encode(
        y=log_y("emc50", SAMPLES_WITHIN_BUDGET), detail="cell:N"
    )
    shapes = alt.Scale(domain=list(_SHAPES), range=list(_SHAPES.values()))
    neutral_symbols = alt.Legend(symbolFillColor=NEUTRAL, symbolStrokeColor=NEUTRAL)
    points = (
        with_interval(base)
        .mark_point(filled=True, size=34)
        .encode(
            y=log_y("emc50", SAMPLES_WITHIN_BUDGET),
            shape=alt.Shape("bound:N", title="bound", scale=shapes, legend=neutral_symbols),
            tooltip=_TOOLTIP,
        )
    )
    caption = f"{len(shown_cells):,} of {len(cells):,} cells. {_CAPTION}"
    layers = [intervals, lines, points.add_params(chosen)]
    return panels(layers, shown, "unit", caption, columns=3, own_x=True)


FIGURE: Final = Figure(
    "emc-by-budget", "What is fitted within smaller budgets", (_BUDGETS_KNOWN,), draw
)
