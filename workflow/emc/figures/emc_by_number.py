"""EMC per parameter against a number: classes, or the share of wrong labels."""

from functools import partial
from typing import Final

import altair as alt

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
    """A panel a data set, a colour an architecture, lines through medians."""
    every = measured_cells(warehouse)
    cells = every.drop_nulls(number)
    chosen, faded = legend_filter("architecture")
    scale = alt.Scale(type="log", base=2) if number == "classes" else alt.Scale(zero=True)
    base = alt.Chart().encode(
        x=alt.X(f"{number}:Q", title=_TITLES[number], scale=scale, axis=alt.Axis(tickCount=6)),
        color=colour(warehouse, cells, "architecture"),
        opacity=faded,
    )
    medians = (
        base.transform_aggregate(
            per_parameter="median(per_parameter)", groupby=[number, "architecture", "labels"]
        )
        .mark_line(strokeWidth=2)
        .encode(y=log_y("per_parameter", PER_PARAMETER, "~g"), strokeDash="labels:N")
    )
    points = cell_points(base, y=log_y("per_parameter", PER_PARAMETER, "~g"))
    layers = [medians, *points[:-1], points[-1].add_params(chosen)]
    caption = (
        f"{cell_counts(cells)} Lines join medians over cells of one architecture and labelling,"
        " whatever else they differ in."
    )
    return panels(layers, every, "dataset", caption).transform_filter(f"isValid(datum.{number})")


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
