"""Channels and layers that several figures share, so that they read alike."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any, Final

import altair as alt
import polars as pl

from emc.figures.figure import Chart
from emc.figures.theme import COLOURS, NEUTRAL, OUTCOME_COLOURS
from emc.warehouse import Warehouse

PARAMETERS: Final = "parameters of the net"
SAMPLES: Final = "samples fitted at minima (EMC)"
SAMPLES_WITHIN_BUDGET: Final = "samples fitted within the budget"
PER_PARAMETER: Final = "samples fitted at minima, per parameter"
PER_TRAINABLE: Final = "samples fitted at minima, per trainable number"

_BAR: Final = alt.Step(34)
"""Height of a bar with its share of the gap."""

_WIDTHS: Final = {1: 600, 2: 330, 3: 210}


def log_x(field: str, title: str, number: str = "~s") -> alt.X:
    """A logarithmic x axis, its labels in the given d3 format."""
    return alt.X(f"{field}:Q", title=title, scale=_log_scale(), axis=_sparse(number))


def log_y(field: str, title: str, number: str = "~s") -> alt.Y:
    """A logarithmic y axis, its labels in the given d3 format."""
    return alt.Y(f"{field}:Q", title=title, scale=_log_scale(), axis=_sparse(number))


def signed_axis(linear_below: float) -> dict[str, Any]:
    """Scale and axis of numbers of both signs and any size, linear near zero."""
    decades = [10.0**power for power in range(-4, 4) if 10.0**power >= linear_below]
    values = [-value for value in reversed(decades)] + [0.0, *decades]
    return {
        "scale": alt.Scale(type="symlog", constant=linear_below, padding=12),
        "axis": alt.Axis(format="~g", values=values, labelOverlap="greedy", labelSeparation=4),
    }


def _log_scale() -> alt.Scale:
    return alt.Scale(type="log", nice=False, padding=12)


def _sparse(number: str) -> alt.Axis:
    return alt.Axis(format=number, tickCount=6, labelOverlap="greedy", labelSeparation=6)


def colour(warehouse: Warehouse, frame: pl.DataFrame, factor: str) -> alt.Color:
    """One colour per level, the same in every figure of a study and whatever a filter hides."""
    query = f"SELECT DISTINCT {factor} FROM cells ORDER BY 1"
    colours = dict(zip(warehouse.sql(query)[factor], cycle(COLOURS), strict=False))
    domain = sorted(frame[factor].unique())
    scale = alt.Scale(domain=domain, range=[colours[level] for level in domain])
    return alt.Color(f"{factor}:N", title=spoken(factor), scale=scale)


def spoken(column: str) -> str:
    """The name of a column as a reader would say it."""
    return column.replace("_", " ")


def outcome_colour() -> alt.Color:
    """The same colours for outcomes everywhere."""
    return _kind_colour("outcome", OUTCOME_COLOURS)


def share_bars(
    kind: str, colours: Mapping[str, str], *, of: str, panel: str, title: str
) -> alt.Chart:
    """One bar per optimizer, cut into shares of what is counted in the column `of`.

    `kind` is the column that tells the parts apart, in the order and the colours given; rows also
    have `share`, `cells` and the column `panel`.
    """
    bars: alt.Chart = (
        alt.Chart()
        .transform_calculate(place=f"indexof({list(colours)}, datum.{kind})")
        .mark_bar(height={"band": 0.7})
        .encode(
            x=alt.X("share:Q", title=title, axis=_shares()),
            y=alt.Y("optimizer:N", title=None),
            color=_kind_colour(kind, colours),
            order=alt.Order("place:Q"),
            tooltip=[
                "optimizer:N",
                f"{panel}:N",
                f"{kind}:N",
                alt.Tooltip("share:Q", format=".1%"),
                alt.Tooltip(f"{of}:Q", format=","),
                alt.Tooltip("cells:Q", format=","),
            ],
        )
    )
    return bars


def _shares() -> alt.Axis:
    return alt.Axis(format="%", values=[0, 0.25, 0.5, 0.75, 1], labelFlush=True)


def _kind_colour(kind: str, colours: Mapping[str, str]) -> alt.Color:
    scale = alt.Scale(domain=list(colours), range=list(colours.values()))
    return alt.Color(f"{kind}:N", title=kind, scale=scale)


def legend_filter(field: str) -> tuple[alt.Parameter, Any]:
    """A selection by clicks on the legend, and the opacity that fades what it leaves out."""
    chosen = alt.selection_point(fields=[field], bind="legend", name="legend")
    return chosen, alt.condition(chosen, alt.value(0.9), alt.value(0.07))


def cell_points(base: alt.Chart, **channels: Any) -> list[alt.Chart]:
    """Three layers: upper bounds and lower bounds as open triangles, exact numbers as discs."""
    below, above = "datum.below_smallest", "datum.saturated"
    base = with_interval(base)
    bounds = [
        base.transform_filter(bound).mark_point(shape=f"triangle-{way}", size=75, strokeWidth=1.6)
        for bound, way in ((below, "down"), (above, "up"))
    ]
    exact = base.transform_filter(f"!{above} && !{below}").mark_point(filled=True, size=42)
    return [layer.encode(tooltip=cell_tooltip(), **channels) for layer in (*bounds, exact)]


def interval_bars(base: alt.Chart, title: str, **look: Any) -> alt.Chart:
    """Bars from low to high, or to emc50 on a side whose end is not known."""
    rules = one_sided(base).mark_rule(**look)
    bars: alt.Chart = rules.encode(y=log_y("low", title), y2="high:Q")
    return bars


def one_sided(base: alt.Chart, middle: str = "emc50") -> alt.Chart:
    """Rows with the part of their interval that is known: the middle in place of an unknown end."""
    ends = {end: f"isValid(datum.{end}) ? datum.{end} : datum.{middle}" for end in ("low", "high")}
    known: alt.Chart = base.transform_calculate(**ends).transform_filter("datum.low < datum.high")
    return known


def with_interval(base: alt.Chart) -> alt.Chart:
    """Rows with what `INTERVAL` shows."""
    low, high = (f"isValid(datum.{end}) ? format(datum.{end}, ',.4~r')" for end in ("low", "high"))
    words = f"({low} : 'no lower end') + ' to ' + ({high} : 'no upper end')"
    told: alt.Chart = base.transform_calculate(interval=words)
    return told


INTERVAL: Final = alt.Tooltip("interval:N", title="95 % interval")


def cell_tooltip() -> list[alt.Tooltip]:
    """What a reader sees at a cell's mark: its answer, interval, n, factors and id."""
    return [
        alt.Tooltip("emc50:Q", title="EMC at minima", format=",.4~r"),
        INTERVAL,
        alt.Tooltip("emc50_budget:Q", title="within the budget", format=",.4~r"),
        alt.Tooltip("saturated:N", title="lower bound only"),
        alt.Tooltip("below_smallest:N", title="upper bound only"),
        alt.Tooltip("probes:Q", title="probes"),
        alt.Tooltip("parameters:Q", title="parameters", format=","),
        alt.Tooltip("per_parameter:Q", title="EMC per parameter", format=".3~r"),
        *(
            alt.Tooltip(f"{factor}:N", title=factor)
            for factor in ("dataset", "labels", "architecture", "activation", "optimizer")
        ),
        alt.Tooltip("cell:N", title="cell"),
    ]


def panels(
    layers: Sequence[Any],
    frame: pl.DataFrame,
    field: str,
    caption: str,
    *,
    columns: int = 2,
    height: int | alt.Step = 280,
    own_x: bool = False,
) -> Chart:
    """The layers once for each level of a factor, side by side, on one x axis or on their own."""
    levels = frame[field].n_unique()
    columns = min(columns, levels)
    panel = alt.layer(*layers, data=frame).properties(width=_WIDTHS[columns], height=height)
    chart = panel.facet(alt.Facet(f"{field}:N", title=None), columns=columns, spacing=24)
    if own_x:
        chart = chart.resolve_scale(x="independent")
    elif levels % columns:  # a shared axis would stand below the place that stays empty
        chart = chart.resolve_axis(x="independent")
    made: Chart = chart.properties(description=caption)
    return made


def bar_panels(bars: alt.Chart, frame: pl.DataFrame, field: str, caption: str) -> Chart:
    """One panel per level, each as high as the bars that it has."""
    chart = panels([bars], frame, field, caption, height=_BAR)
    made: Chart = chart.resolve_scale(y="independent").resolve_axis(x="independent")
    return made


def cell_rows() -> alt.Y:
    """One row per cell, by its name, in the order of the rows."""
    return alt.Y("name:N", title=None, sort=None, axis=alt.Axis(labelLimit=380))


def neutral() -> Any:
    """The colour of marks that belong to no level."""
    return alt.value(NEUTRAL)
