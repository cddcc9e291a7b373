"""EMC per parameter against a number: classes, or the share of wrong labels."""

from functools import partial
from typing import Any, Final

import altair as alt
import polars as pl

from emc.figures.encodings import (
    PER_PARAMETER,
    cell_points,
    colour,
    legend_filter,
    log_y,
    panels,
)
from emc.figures.figure import Chart, Figure, levels
from emc.figures.frames import cell_counts, measured_cells
from emc.warehouse import Warehouse

_TITLES: Final = {"classes": "classes", "label_noise": "share of wrong labels"}


def draw(warehouse: Warehouse, number: str) -> Chart:
    """One panel per data set, one colour per architecture, lines through medians."""
    every = measured_cells(warehouse)
    cells = every.drop_nulls(number)
    chosen, faded = legend_filter("architecture")
    base = alt.Chart().encode(
        x=_x(cells[number], number),
        color=colour(warehouse, cells, "architecture"),
        opacity=faded,
    )
    medians = (
        base.transform_aggregate(
            per_parameter="median(per_parameter)", groupby=[number, "architecture", "labels"]
        )
        .mark_line(strokeWidth=2)
        .encode(y=log_y("per_parameter", PER_PARAMETER, "~g"), strokeDash=_dash(cells, number))
    )
    points = cell_points(base, y=log_y("per_parameter", PER_PARAMETER, "~g"))
    layers = [medians, *points[:-1], points[-1].add_params(chosen)]
    caption = (
        f"{cell_counts(cells)} Lines join medians over cells of one architecture and labelling,"
        " whatever else they differ in."
    )
    return panels(layers, every, "dataset", caption).transform_filter(f"isValid(datum.{number})")


def _x(numbers: pl.Series, number: str) -> alt.X:
    values = numbers.unique().sort().to_list()
    kind: dict[str, Any] = {"type": "log", "base": 2} if number == "classes" else {"zero": True}
    return alt.X(
        f"{number}:Q",
        title=_TITLES[number],
        scale=alt.Scale(**kind, nice=False, padding=12),
        axis=alt.Axis(values=values, format="~g", labelOverlap="greedy", labelSeparation=6),
    )


def _dash(cells: pl.DataFrame, number: str) -> alt.StrokeDash:
    """A pattern for each labelling that a line is drawn of."""
    joined = cells.group_by("dataset", "architecture", "labels").agg(pl.col(number).n_unique())
    labels = joined.filter(pl.col(number) > 1)["labels"].unique().sort().to_list()
    return alt.StrokeDash(
        "labels:N",
        title="labels",
        scale=alt.Scale(domain=labels),
        legend=alt.Legend(symbolType="stroke", symbolSize=400),
    )


def _figure(number: str, title: str, example: str) -> Figure:
    return Figure(
        f"emc-by-{number.replace('_', '-')}",
        title,
        (levels(number, example),),
        partial(draw, number=number),
    )


CLASSES: Final = _figure(
    "classes", "EMC by number of classes", "labels: [random, {name: random, classes: 2}]"
)
LABEL_NOISE: Final = _figure(
    "label_noise", "EMC by label noise", "labels: [{noisy: 0.1}, {noisy: 0.2}, {noisy: 0.4}]"
)
