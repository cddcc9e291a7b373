"""Curvature of certified end points: the lower end of the spectrum against the loss."""

from typing import Final

import altair as alt
import polars as pl

from emc.figures.encodings import colour, legend_filter, panels, signed_axis
from emc.figures.figure import Chart, Figure, spectra_known
from emc.figures.frames import finite, spread
from emc.figures.theme import NEUTRAL
from emc.warehouse import Warehouse

MOST_POINTS: Final = 2000
_LINEAR_BELOW: Final = 1e-4

_SHAPES: Final = {
    "minimum": "circle",
    "fitted, gradient vanishing": "square",
    "saddle": "cross",
    "unconverged": "triangle-right",
    "an upper bound only": "triangle-down",
}
_TOOLTIP: Final = [
    "verdict:N",
    "outcome:N",
    alt.Tooltip("n:Q", format=","),
    alt.Tooltip("n_over_emc50:Q", title="n / EMC", format=".3~r"),
    alt.Tooltip("loss:Q", format=".3~g"),
    alt.Tooltip("gradient_norm:Q", title="gradient norm", format=".2~e"),
    alt.Tooltip("lambda_min:Q", title="smallest eigenvalue", format=".3~e"),
    alt.Tooltip("lambda_max:Q", title="largest eigenvalue", format=".3~e"),
    alt.Tooltip("negative_eigenvalues:Q", title="negative eigenvalues"),
    "architecture:N",
    "optimizer:N",
    "cell:N",
]


def draw(warehouse: Warehouse) -> Chart:
    """One panel per kind of end, one colour per optimizer, one shape per verdict."""
    known = pl.col("curvature_ratio").is_not_null() & pl.col("loss").is_not_null()
    ends = finite(warehouse.view("curvature")).filter(known)
    rows = spread(ends, MOST_POINTS).with_columns(
        mark=pl.when("lambda_min_known").then("verdict").otherwise(pl.lit("an upper bound only")),
        end=pl.when(pl.col("outcome") == "fit")
        .then(pl.lit("probes that fitted"))
        .otherwise(pl.lit("probes that did not fit")),
    )
    eps = warehouse.sql("SELECT DISTINCT eps FROM certificates ORDER BY 1")["eps"].to_list()
    chosen, faded = legend_filter("optimizer")
    base = alt.Chart()
    points = base.mark_point(size=55, strokeWidth=1.6).encode(
        x=alt.X(
            "loss:Q",
            title="training loss (nats)",
            scale=alt.Scale(type="symlog", constant=1e-3, nice=False, padding=12),
            axis=alt.Axis(format="~g", values=[0, 1e-3, 0.01, 0.1, 1, 10]),
        ),
        y=alt.Y(
            "curvature_ratio:Q",
            title="smallest / largest eigenvalue",
            **signed_axis(_LINEAR_BELOW),
        ),
        color=colour(warehouse, rows, "optimizer"),
        shape=alt.Shape(
            "mark:N",
            title="verdict",
            scale=alt.Scale(domain=list(_SHAPES), range=list(_SHAPES.values())),
        ),
        opacity=faded,
        tooltip=_TOOLTIP,
    )
    tolerance = [
        base.mark_rule(strokeDash=[5, 4], color=NEUTRAL).encode(y=alt.datum(-level))
        for level in eps
    ]
    layers = [*tolerance, points.add_params(chosen)]
    return panels(layers, rows, "end", _caption(rows, len(ends)), height=260)


def _caption(rows: pl.DataFrame, ends: int) -> str:
    return (
        f"{len(rows):,} of {ends:,} end points with a known spectrum, of"
        f" {rows['cell'].n_unique():,} cells."
        " Below the dashed line an eigenvalue is too negative for a minimum. Where a run was still"
        " moving, few iterations were spent and the smallest eigenvalue may lie lower yet: an upper"
        " bound only."
    )


FIGURE: Final = Figure(
    "curvature-by-optimizer",
    "Curvature of end points, by optimizer",
    (spectra_known,),
    draw,
)
