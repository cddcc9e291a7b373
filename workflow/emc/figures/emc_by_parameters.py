"""EMC against the number of parameters: raw cells, intervals, averages, the line EMC = P."""

import altair as alt

from emc.figures.encodings import (
    PARAMETERS,
    SAMPLES,
    cell_points,
    colour,
    interval_bars,
    legend_filter,
    log_x,
    log_y,
    neutral,
    panels,
)
from emc.figures.figure import Chart, Figure, minima_known
from emc.figures.frames import cell_counts, measured_cells
from emc.warehouse import Warehouse


def draw(warehouse: Warehouse) -> Chart:
    """One panel per labelling, one colour per architecture."""
    cells = measured_cells(warehouse)
    chosen, faded = legend_filter("architecture")
    base = alt.Chart().encode(
        x=log_x("parameters", PARAMETERS),
        color=colour(warehouse, cells, "architecture"),
        opacity=faded,
    )
    as_many = base.mark_line(strokeDash=[5, 4], strokeWidth=1.2).encode(
        y=log_y("parameters", SAMPLES), color=neutral(), opacity=alt.value(1)
    )
    intervals = interval_bars(base, SAMPLES, strokeWidth=1.4)
    averages = (
        base.transform_filter("isValid(datum.mean_emc50)")
        .mark_line(strokeWidth=2.5)
        .encode(y=log_y("mean_emc50", SAMPLES), detail="size_group:N")
    )
    points = cell_points(base, y=log_y("emc50", SAMPLES))
    layers = [as_many, intervals, averages, *points[:-1], points[-1].add_params(chosen)]
    caption = (
        f"{cell_counts(cells)} Bars are 95 % intervals, on one side of EMC where the"
        " other end is beyond what can be tried. Lines join cells that differ"
        " in size only, geometric means over their seeds; bounds stay out of them."
        " On the dashed line a net fits as many samples as it has parameters."
    )
    return panels(layers, cells, "labels", caption)


FIGURE = Figure("emc-by-parameters", "EMC at minima against parameters", (minima_known,), draw)
