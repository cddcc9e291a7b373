"""What each cell fits at its minima beside what it fits within its budget."""

from typing import Final

import altair as alt
import polars as pl

from emc.figures.encodings import INTERVAL, cell_rows, log_x, neutral, one_sided, with_interval
from emc.figures.figure import Chart, Figure, minima_known
from emc.figures.frames import counted, finite, named, spread
from emc.figures.theme import COLOURS
from emc.warehouse import Warehouse

MOST_CELLS: Final = 30

_QUERY: Final = "SELECT * FROM emc WHERE emc50 IS NOT NULL ORDER BY emc50, cell"
_KINDS: Final = {"at minima": COLOURS[0], "within the budget": COLOURS[1]}
_TITLE: Final = "samples fitted with probability one half"
_OPAQUE: Final = alt.Legend(symbolOpacity=1)
_SHAPES: Final = {"none": "circle", "lower": "triangle-right", "upper": "triangle-left"}


def draw(warehouse: Warehouse) -> Chart:
    """One row per cell: a filled mark for emc50, an open one for emc50_budget, a line between."""
    cells = warehouse.sql(_QUERY)
    shown = spread(named(cells), MOST_CELLS)
    ways = (
        alt.Chart()
        .transform_filter("datum.kind === 'at minima'")
        .mark_rule(strokeWidth=1.5, opacity=0.7)
        .encode(x=log_x("emc50", _TITLE), x2="emc50_budget:Q", y=cell_rows(), color=neutral())
    )
    base = _base()
    layers = [*_intervals(base), ways, *_marks(base), _endless(base)]
    made: Chart = alt.layer(*layers, data=finite(_two_kinds(shown))).properties(
        width=420, height=20 * len(shown) + 10, description=_caption(shown, cells)
    )
    return made


def _base() -> alt.Chart:
    made: alt.Chart = with_interval(alt.Chart()).encode(
        x=log_x("value", _TITLE),
        y=cell_rows(),
        color=alt.Color("kind:N", title=None, scale=_scale(), legend=_OPAQUE),
        tooltip=[
            "kind:N",
            alt.Tooltip("value:Q", title="samples", format=",.4~r"),
            INTERVAL,
            alt.Tooltip("bound:N", title="bound"),
            alt.Tooltip("unfitted_decided:Q", title="unfitted probes decided", format=".0%"),
            "cell:N",
        ],
    )
    return made


def _intervals(base: alt.Chart) -> list[alt.Chart]:
    return [
        one_sided(base.transform_filter(f"datum.kind === '{kind}'"), "value")
        .mark_rule(strokeWidth=width, opacity=0.25)
        .encode(x=log_x("low", _TITLE), x2="high:Q")
        for kind, width in zip(_KINDS, (9, 4), strict=True)
    ]


def _marks(base: alt.Chart) -> list[alt.Chart]:
    return [
        base.transform_filter(f"datum.kind === '{kind}' && datum.bound === '{bound}'").mark_point(
            shape=shape, filled=kind == "at minima" and bound == "none", size=60, strokeWidth=1.8
        )
        for kind in _KINDS
        for bound, shape in _SHAPES.items()
    ]


def _endless(base: alt.Chart) -> alt.Chart:
    """Arrows where an interval at minima has no upper end."""
    exact = "datum.kind === 'at minima' && datum.bound === 'none'"
    shown = base.transform_filter(f"{exact} && !isValid(datum.high)")
    made: alt.Chart = shown.mark_text(text="→", dx=13, fontSize=16)
    return made


def _caption(shown: pl.DataFrame, cells: pl.DataFrame) -> str:
    return (
        f"{len(shown):,} of {counted(len(cells), 'cell')} with a number at minima. Filled: what"
        " nets fit at their minima; open: what they fit within the training budget, from the same"
        " probes. Pale bars are 95 % intervals, an arrow marks one at minima without an upper end."
        " The longer the line, the more the budget's number says of the speed of training."
        " Triangles are bounds. Names leave out what nearly all cells share."
    )


def _scale() -> alt.Scale:
    return alt.Scale(domain=list(_KINDS), range=list(_KINDS.values()))


def _two_kinds(cells: pl.DataFrame) -> pl.DataFrame:
    """One row per cell and number."""
    shared = ("cell", "name", "emc50", "emc50_budget", "unfitted_decided")
    numbers = (
        ("at minima", "emc50", "low", "high", "saturated", "below_smallest"),
        (
            *("within the budget", "emc50_budget", "low_budget", "high_budget"),
            *("saturated_budget", "below_smallest_budget"),
        ),
    )
    return pl.concat(
        cells.select(
            *shared,
            kind=pl.lit(kind),
            value=pl.col(value),
            low=pl.col(low),
            high=pl.col(high),
            bound=pl.when(above)
            .then(pl.lit("lower"))
            .when(below)
            .then(pl.lit("upper"))
            .otherwise(pl.lit("none")),
        )
        for kind, value, low, high, above, below in numbers
    )


FIGURE: Final = Figure(
    "two-numbers", "At minima and within the budget, cell by cell", (minima_known,), draw
)
