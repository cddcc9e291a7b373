"""How much each factor moves EMC: ratios over matched cells, side by side."""

from collections.abc import Sequence
from typing import Final

import altair as alt
import polars as pl

from emc.figures.encodings import spoken
from emc.figures.figure import Chart, Figure
from emc.figures.frames import finite
from emc.figures.theme import COLOURS, NEUTRAL
from emc.findings import FACTORS, Effect, effects
from emc.warehouse import Warehouse

MOST: Final = 24
REACH: Final = 16
"""The axis ends this many times beyond the outermost ratio, however far intervals reach."""

_BARE: Final = {"architecture", "optimizer", "activation", "dataset", "labels", "parameterisation"}
"""Factors whose levels say themselves what they are."""


_CAPTION: Final = (
    "the clearest first. A ratio is a geometric mean over pairs of cells that differ in this"
    " factor only, with its 95 % interval (paired t on logarithms, seeds of a configuration"
    " averaged); nets of different size are compared per parameter. An interval that crosses the"
    " dashed line leaves open which is larger."
)


def some_effect(warehouse: Warehouse) -> str | None:
    """Need: two measured cells that differ in one factor only."""
    if effects(warehouse):
        return None
    return (
        "No two measured cells differ in one factor only: give a section of the study a grid, as"
        " `grid: {optimizer: [sgd, gd], labels: [original, random]}`."
    )


def draw(warehouse: Warehouse) -> Chart:
    """One row per pair of levels: the ratio of their EMC, its interval, one colour per factor."""
    found = effects(warehouse)
    shown = found[:MOST]
    rows = _rows(shown)
    factors = [name for name in map(spoken, FACTORS) if name in set(rows["factor"])]
    ratio = alt.Scale(type="log", base=2, nice=False, padding=14)
    base = alt.Chart().encode(
        y=alt.Y("comparison:N", title=None, sort=None, axis=alt.Axis(labelLimit=220)),
        color=alt.Color(
            "factor:N", title="factor", scale=alt.Scale(domain=factors, range=list(COLOURS))
        ),
        tooltip=["sentence:N", alt.Tooltip("pairs:Q", title="pairs of cells")],
    )
    none = alt.Chart().mark_rule(strokeDash=[5, 4], color=NEUTRAL).encode(x=alt.datum(1))
    intervals = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("low:Q", scale=ratio, title="ratio of EMC at minima"), x2="high:Q"
    )
    arrows = [
        base.transform_filter(f"datum.beyond_{end}")
        .mark_point(shape=f"triangle-{way}", filled=True, size=60, opacity=1)
        .encode(x=alt.X(f"{end}:Q", scale=ratio, title="ratio of EMC at minima"))
        for end, way in (("low", "left"), ("high", "right"))
    ]
    points = base.mark_point(filled=True, size=80, opacity=1).encode(
        x=alt.X(
            "ratio:Q",
            scale=ratio,
            title="ratio of EMC at minima",
            axis=alt.Axis(format="~g", tickCount=6, labelOverlap="greedy", labelSeparation=6),
        )
    )
    made: Chart = alt.layer(none, intervals, *arrows, points, data=rows).properties(
        width=520,
        height=26 * rows["comparison"].n_unique() + 10,
        description=f"{len(shown)} of {len(found)} comparisons, {_CAPTION}{_beside(rows)}",
    )
    return made


def _rows(shown: Sequence[Effect]) -> pl.DataFrame:
    """One row per effect; ends of intervals beyond the axis are put at its end, and marked."""
    ratios = [made.ratio for made in shown]
    first, last = min(1.0, *ratios) / REACH, max(1.0, *ratios) * REACH
    found = pl.DataFrame(
        {
            "comparison": [_comparison(made) for made in shown],
            "factor": [spoken(made.factor) for made in shown],
            "ratio": ratios,
            "low": [made.low for made in shown],
            "high": [made.high for made in shown],
            "pairs": [made.pairs for made in shown],
            "sentence": [made.sentence for made in shown],
        }
    ).with_columns(pl.col("low", "high").fill_nan(None))
    return finite(
        found.with_columns(
            pl.col("low", "high").clip(first, last),
            beyond_low=pl.col("low") < first,
            beyond_high=pl.col("high") > last,
        )
    )


def _comparison(made: Effect) -> str:
    levels = f"{made.over} / {made.under}"
    return levels if made.factor in _BARE else f"{spoken(made.factor)} {levels}"


def _beside(rows: pl.DataFrame) -> str:
    """What points without an interval and arrows say, where there are any."""
    alone, arrows = rows["low"].null_count(), (rows["beyond_low"] | rows["beyond_high"]).any()
    told = [" A point alone is of too few pairs for an interval."] if alone else []
    told += [" Arrows: the interval reaches beyond the axis."] if arrows else []
    return "".join(told)


FIGURE: Final = Figure("effects", "What moves EMC at minima", (some_effect,), draw)
