"""Bits of random labels that a net holds, for each of its parameters."""

from typing import Final

import altair as alt
import polars as pl

from emc.figures.encodings import (
    PARAMETERS,
    cell_points,
    colour,
    legend_filter,
    log_x,
    log_y,
    panels,
)
from emc.figures.figure import Chart, Figure, some
from emc.figures.frames import cell_counts, measured_cells
from emc.figures.theme import NEUTRAL
from emc.warehouse import Warehouse

BITS: Final = "bits per parameter"
REFERENCES: Final = {
    2.0: "2, the perceptron (Gardner 1988)",
    3.6: "3.6, transformers (Morris et al. 2025)",
}

_RANDOM_LABELS: Final = some(
    "FROM emc WHERE status = 'measured' AND bits_per_parameter > 0",
    "No measured cell has random labels: give a section `labels: random`.",
)


def draw(warehouse: Warehouse) -> Chart:
    """One panel per data set, one colour per architecture, crosses for what one probe memorised."""
    every = measured_cells(warehouse)
    cells = every.filter(pl.col("bits_per_parameter") > 0)
    chosen, faded = legend_filter("architecture")
    base = alt.Chart().encode(
        x=log_x("parameters", PARAMETERS),
        color=colour(warehouse, cells, "architecture"),
        opacity=faded,
    )
    rules = [
        alt.Chart()
        .mark_rule(strokeDash=[5, 4], color=NEUTRAL)
        .encode(y=alt.datum(bits), tooltip=alt.value(name))
        for bits, name in REFERENCES.items()
    ]
    memorised = (
        base.transform_filter("datum.memorised_per_parameter > 0")
        .mark_point(shape="cross", size=36, filled=True)
        .encode(
            y=log_y("memorised_per_parameter", BITS, "~g"),
            tooltip=[
                alt.Tooltip("memorised_per_parameter:Q", title=BITS, format=".3~r"),
                alt.Tooltip("parameters:Q", format=","),
                "cell:N",
            ],
        )
    )
    points = cell_points(base, y=log_y("bits_per_parameter", BITS, "~g"))
    layers = [*rules, memorised, *points[:-1], points[-1].add_params(chosen)]
    caption = (
        f"{cell_counts(cells)} Points are EMC at minima on random labels times log2(classes),"
        " crosses the most bits that one probe memorised (a lower bound of capacity), both"
        " over parameters."
        f" Dashed lines: {'; '.join(REFERENCES.values())}."
    )
    made = panels(layers, every, "dataset", caption)
    return made.transform_filter("datum.bits_per_parameter > 0")


FIGURE: Final = Figure("bits-per-parameter", "Bits per parameter", (_RANDOM_LABELS,), draw)
