"""EMC against the learning rate, relative to the best rate of each cell."""

from typing import Final

import altair as alt

from emc.figures.encodings import INTERVAL, colour, legend_filter, log_x, panels, with_interval
from emc.figures.figure import Chart, Figure, some
from emc.figures.frames import finite, spread
from emc.warehouse import Warehouse

MOST_LINES: Final = 200


_SEVERAL_RATES: Final = some(
    "FROM rates GROUP BY cell HAVING count(*) > 1",
    "Every measured cell has one learning rate: give the optimizer a grid of rates,"
    " `optimizer: {name: sgd, lr: [0.03, 0.1, 0.3]}`.",
)


def draw(warehouse: Warehouse) -> Chart:
    """One panel per optimizer, one line per cell, one colour per architecture."""
    rates = finite(warehouse.view("emc_by_learning_rate"))
    cells = rates.select("cell").unique(maintain_order=True)
    shown_cells = spread(cells, MOST_LINES)
    rows = rates.join(shown_cells, on="cell", how="semi")
    chosen, faded = legend_filter("architecture")
    base = alt.Chart().encode(
        x=log_x("lr", "learning rate", "~g"),
        y=alt.Y("of_best:Q", title="EMC / EMC at the best rate", scale=alt.Scale(zero=False)),
        color=colour(warehouse, rows, "architecture"),
    )
    # To renderers an opacity of the stroke costs a tenth of one of the whole mark.
    lines = base.mark_line(strokeWidth=0.8).encode(detail="cell:N", strokeOpacity=faded)
    points = (
        with_interval(base)
        .mark_point(filled=True, size=30)
        .encode(
            opacity=faded,
            tooltip=[
                alt.Tooltip("lr:Q", title="learning rate"),
                alt.Tooltip("emc50:Q", title="EMC", format=",.4~r"),
                INTERVAL,
                alt.Tooltip("of_best:Q", title="of the best", format=".3~f"),
                "probes:Q",
                "labels:N",
                "activation:N",
                "cell:N",
            ],
        )
    )
    caption = (
        f"{len(shown_cells):,} of {len(cells):,} cells, {rows['probes'].sum():,}"
        " probes. A cell's EMC is that of its best rate, 1 on this axis; rates away from it were"
        " given few probes, so that their own EMC is less certain. A best rate at the edge of its"
        " grid asks for a wider grid."
    )
    layers = [lines, points.add_params(chosen)]
    return panels(layers, rows, "optimizer", caption, height=230, own_x=True)


FIGURE: Final = Figure(
    "emc-by-learning-rate", "EMC against the learning rate", (_SEVERAL_RATES,), draw
)
