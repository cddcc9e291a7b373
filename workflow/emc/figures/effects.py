"""How much each factor moves EMC: ratios over matched cells, side by side."""

from typing import Final

import altair as alt
import polars as pl

from emc.figures.figure import Chart, Figure
from emc.figures.frames import finite
from emc.figures.theme import COLOURS, NEUTRAL
from emc.findings import FACTORS, effects
from emc.warehouse import Warehouse

MOST: Final = 24


def some_effect(warehouse: Warehouse) -> str | None:
    """Need: two measured cells that differ in one factor only."""
    if effects(warehouse):
        return None
    return (
        "No two measured cells differ in one factor only: give a section of the study a grid, as"
        " `grid: {optimizer: [sgd, gd], labels: [original, random]}`."
    )


def draw(warehouse: Warehouse) -> Chart:
    """A row a pair of levels, the ratio of their EMC with its interval, a colour a factor."""
    found = effects(warehouse)
    shown = found[:MOST]
    rows = finite(
        pl.DataFrame(
            {
                "comparison": [f"{made.over} / {made.under}" for made in shown],
                "factor": [made.factor for made in shown],
                "ratio": [made.ratio for made in shown],
                "low": [made.low for made in shown],
                "high": [made.high for made in shown],
                "pairs": [made.pairs for made in shown],
                "sentence": [made.sentence for made in shown],
            }
        )
    )
    factors = [factor for factor in FACTORS if factor in set(rows["factor"])]
    ratio = alt.Scale(type="log", base=2, nice=False, padding=14)
    base = alt.Chart(rows).encode(
        y=alt.Y("comparison:N", title=None, sort=None, axis=alt.Axis(labelLimit=220)),
        color=alt.Color("factor:N", scale=alt.Scale(domain=factors, range=list(COLOURS))),
        tooltip=["sentence:N", alt.Tooltip("pairs:Q", title="pairs of cells")],
    )
    none = alt.Chart().mark_rule(strokeDash=[5, 4], color=NEUTRAL).encode(x=alt.datum(1))
    intervals = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("low:Q", scale=ratio, title="ratio of EMC"), x2="high:Q"
    )
    points = base.mark_point(filled=True, size=80, opacity=1).encode(
        x=alt.X(
            "ratio:Q",
            scale=ratio,
            title="ratio of EMC",
            axis=alt.Axis(format="~g", tickCount=6, labelOverlap="greedy", labelSeparation=6),
        )
    )
    made: Chart = alt.layer(none, intervals, points).properties(
        width=520,
        height=26 * rows["comparison"].n_unique() + 10,
        description=f"{len(shown)} of {len(found)} comparisons, the clearest first. A ratio is a"
        " geometric mean over pairs of cells that differ in this factor only, with its 95 %"
        " interval (paired t on logarithms, seeds of a configuration averaged); nets of different"
        " size are compared per parameter. An interval that crosses the dashed line leaves open"
        " which is larger.",
    )
    return made


FIGURE: Final = Figure("effects", "What moves EMC", (some_effect,), draw)
