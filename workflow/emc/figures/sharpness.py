"""How sharp the end points of each optimizer are: largest eigenvalue and trace of the Hessian."""

from typing import Final

import altair as alt
import polars as pl

from emc.figures.encodings import log_y, outcome_colour, panels
from emc.figures.figure import Chart, Figure, spectra_known
from emc.figures.frames import finite, spread
from emc.figures.theme import NEUTRAL
from emc.warehouse import Warehouse

MOST_POINTS: Final = 2000
_QUERY: Final = """
SELECT optimizer, architecture, labels, cell, outcome, fitted, n, lambda_max, trace FROM curvature
WHERE isfinite(lambda_max) AND lambda_max > 0 AND isfinite(trace) AND trace > 0
ORDER BY optimizer, cell, n
"""
_WHEN: Final = "where the run ended"
_QUANTITIES: Final = {"lambda_max": "largest eigenvalue", "trace": "trace"}


def draw(warehouse: Warehouse) -> Chart:
    """One panel per measure; by optimizer, fits and unfitted probes side by side with a median."""
    ends = finite(warehouse.sql(_QUERY))
    kept = spread(ends, MOST_POINTS)
    rows = kept.unpivot(
        list(_QUANTITIES), index=[name for name in kept.columns if name not in _QUANTITIES]
    ).with_columns(pl.col("variable").replace(_QUANTITIES))
    base = alt.Chart().encode(
        x=alt.X("optimizer:N", title=None),
        xOffset=alt.XOffset("end:N", sort=["fitted", "did not fit"]),
    )
    base = base.transform_calculate(end="datum.fitted ? 'fitted' : 'did not fit'")
    points = base.mark_point(size=40, strokeWidth=1.4).encode(
        y=log_y("value", _WHEN, "~g"),
        color=outcome_colour(),
        tooltip=[
            "optimizer:N",
            "outcome:N",
            "architecture:N",
            "labels:N",
            alt.Tooltip("n:Q", format=","),
            alt.Tooltip("value:Q", format=".3~g"),
            "cell:N",
        ],
    )
    medians = base.mark_tick(thickness=2, size=26, color=NEUTRAL).encode(
        y=alt.Y("median(value):Q", title=_WHEN)
    )
    caption = (
        f"{len(kept):,} of {len(ends):,} certified end points of {kept['cell'].n_unique():,} cells;"
        " bars are medians, fits on the left and unfitted probes on the right of each optimizer."
        " Cells"
        " of an optimizer may differ from those of another in more than the optimizer."
    )
    return panels([points, medians], rows, "variable", caption, height=260)


FIGURE: Final = Figure(
    "sharpness-by-optimizer", "Sharpness of end points, by optimizer", (spectra_known,), draw
)
