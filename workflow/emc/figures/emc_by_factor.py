"""EMC per parameter at each level of one factor, with lines between matched cells."""

from collections.abc import Sequence
from functools import partial
from typing import Final

import altair as alt
import polars as pl

from emc.figures.encodings import (
    PER_PARAMETER,
    PER_TRAINABLE,
    cell_points,
    colour,
    legend_filter,
    log_y,
    neutral,
    panels,
)
from emc.figures.figure import Chart, Figure, levels
from emc.figures.frames import cell_counts, measured_cells
from emc.figures.theme import NEUTRAL
from emc.findings import Effect, effects
from emc.warehouse import Warehouse

_COLOUR: Final = {"architecture": "optimizer"}
_PANEL: Final = {"labels": "dataset"}
_MEASURE: Final = {"parameterisation": ("per_trainable", PER_TRAINABLE)}
_SENTENCES: Final = 3
MOST_LINES: Final = 500
"""Groups of cells that lines join: more are a grey cloud."""


def draw(warehouse: Warehouse, factor: str) -> Chart:
    """One point per cell; a thin line joins cells that differ in the factor only."""
    cells = measured_cells(warehouse)
    colours, panel = _COLOUR.get(factor, "architecture"), _PANEL.get(factor, "labels")
    measure, title = _MEASURE.get(factor, ("per_parameter", PER_PARAMETER))
    chosen, faded = legend_filter(colours)
    base = alt.Chart().encode(
        x=alt.X(f"{factor}:N", title=factor, scale=alt.Scale(padding=0.4)),
        y=log_y(measure, title, "~g"),
    )
    matched = base.transform_filter(f"isValid(datum.{factor}_group)")
    step = max(1, -(-cells[f"{factor}_group"].drop_nulls().n_unique() // MOST_LINES))
    joined = matched.transform_filter(f"datum.{factor}_group % {step} === 0")
    partners = joined.mark_line(strokeWidth=0.9, strokeOpacity=0.5).encode(
        detail=f"{factor}_group:N", color=neutral()
    )
    means = (
        matched.transform_filter("!datum.saturated && !datum.below_smallest")
        .transform_calculate(log_emc=f"log(datum.{measure})")
        .transform_aggregate(mean_log="mean(log_emc)", cells="count()", groupby=[factor])
        .transform_calculate(**{measure: "exp(datum.mean_log)"})
        .mark_tick(thickness=3, size=44, color=NEUTRAL, opacity=1)
        .encode(
            tooltip=[
                alt.Tooltip(f"{measure}:Q", title="geometric mean", format=".3~r"),
                alt.Tooltip("cells:Q", title="matched cells"),
            ]
        )
    )
    points = cell_points(base, color=colour(warehouse, cells, colours), opacity=faded)
    layers = [partners, means, *points[:-1], points[-1].add_params(chosen)]
    caption = f"{cell_counts(cells)} {_joined(cells, factor, step)}"
    return panels(layers, cells, panel, f"{caption} {_sentences(effects(warehouse), factor)}")


def _joined(cells: pl.DataFrame, factor: str, step: int) -> str:
    if cells[f"{factor}_group"].is_null().all():
        return f"No two of them differ in {factor} only: levels are not compared."
    return (
        f"Thin lines join cells that differ in {factor} only{_share(step)}"
        " and bars are geometric means over them."
    )


def _share(step: int) -> str:
    return f" (one group in {step} is drawn)" if step > 1 else ""


def _sentences(found: Sequence[Effect], factor: str) -> str:
    own = [made.sentence for made in found if made.factor == factor]
    return " ".join(own[:_SENTENCES])


def _figure(factor: str, example: str) -> Figure:
    return Figure(
        f"emc-by-{factor}",
        f"EMC by {factor}",
        (levels(factor, example),),
        partial(draw, factor=factor),
    )


ARCHITECTURE: Final = _figure("architecture", "architecture: [{name: mlp, ...}, {name: cnn, ...}]")
OPTIMIZER: Final = _figure("optimizer", "optimizer: [sgd, gd, adam]")
ACTIVATION: Final = _figure("activation", "activation: [relu, tanh, sigmoid]")
INITIALISATION: Final = _figure("initialisation", "initialisation: [scaled-normal, torch]")
LABELS: Final = _figure("labels", "labels: [original, random]")
PARAMETERISATION: Final = _figure(
    "parameterisation", "parameterisation: [full, {name: subspace, dimension: 500}]"
)
