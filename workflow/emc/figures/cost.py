"""What a cell costs: gradient evaluations and time against its size and its EMC."""

from typing import Final

import altair as alt

from emc.figures.encodings import PARAMETERS, SAMPLES, cell_points, colour, log_x, log_y
from emc.figures.figure import Chart, Figure, minima_known
from emc.figures.frames import counted, measured_cells
from emc.warehouse import Warehouse


def draw(warehouse: Warehouse) -> Chart:
    """Two linked panels: cells swept over in the first keep their colour in both."""
    cells = measured_cells(warehouse)
    swept = alt.selection_interval(name="swept")
    base = alt.Chart().encode(
        color=alt.condition(swept, colour(warehouse, cells, "optimizer"), alt.value("#d0d0d0")),
    )
    work = base.encode(
        x=log_x("emc50", SAMPLES), y=log_y("gradient_evaluations", "gradient evaluations")
    )
    time = base.encode(x=log_x("parameters", PARAMETERS), y=log_y("seconds", "seconds", "~g"))
    left, right = cell_points(work), cell_points(time)
    halves = [
        alt.layer(*layers).properties(width=320, height=260)
        for layers in ([*left[:-1], left[-1].add_params(swept)], right)
    ]
    return alt.concat(*halves, data=cells, columns=2).properties(
        description=f"{counted(len(cells), 'cell')},"
        f" {counted(int(cells['probes'].sum()), 'probe')},"
        f" {counted(int(cells['gradient_evaluations'].sum()), 'per-sample gradient')},"
        f" {cells['seconds'].sum() / 3600:.3g} hours of training and finishing in all. Sweep over"
        " points on the left to see the same cells on the right."
    )


FIGURE: Final = Figure("cost-by-cell", "Cost of a cell", (minima_known,), draw)
