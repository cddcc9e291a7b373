"""How many of each cell's unfitted probes in the transition are decided."""

from typing import Final

import altair as alt
import polars as pl

from emc.figures.encodings import cell_rows
from emc.figures.figure import Chart, Figure, some
from emc.figures.frames import counted, finite, named
from emc.figures.theme import OUTCOME_COLOURS
from emc.warehouse import Warehouse

MOST_CELLS: Final = 30

_QUERY: Final = """
SELECT * FROM emc WHERE unfitted_decided IS NOT NULL ORDER BY unfitted_decided, cell
"""
_PARTS: Final = {"decided": OUTCOME_COLOURS["minimum"], "open": OUTCOME_COLOURS["open"]}


def draw(warehouse: Warehouse) -> Chart:
    """One bar per cell, the fewest decided first, cut into decided and open unfitted probes."""
    cells = warehouse.sql(_QUERY)
    shown = named(cells).head(MOST_CELLS)
    columns = [*("cell", "name", "finished", "minimum", "open", "diverged"), "open_matters"]
    decided = pl.col("unfitted_decided")
    rows = pl.concat(
        shown.select(*columns, part=pl.lit(part), share=share)
        for part, share in (("decided", decided), ("open", 1 - decided))
    )
    scale = alt.Scale(domain=list(_PARTS), range=list(_PARTS.values()))
    title = "share of the unfitted probes in the transition"
    bars = (
        alt.Chart(finite(rows))
        .transform_calculate(place=f"indexof({list(_PARTS)}, datum.part)")
        .mark_bar(height={"band": 0.7})
        .encode(
            x=alt.X("share:Q", title=title, axis=alt.Axis(format="%", tickCount=5)),
            y=cell_rows(),
            color=alt.Color("part:N", title="unfitted probes", scale=scale),
            order=alt.Order("place:Q"),
            tooltip=[
                "part:N",
                alt.Tooltip("share:Q", format=".0%"),
                alt.Tooltip("open_matters:N", title="open runs move EMC beyond its tolerance"),
                *(f"{outcome}:Q" for outcome in ("finished", "minimum", "open", "diverged")),
                "cell:N",
            ],
        )
    )
    made: Chart = bars.properties(
        width=420, height=20 * len(shown) + 10, description=_caption(cells, len(shown))
    )
    return made


def _caption(cells: pl.DataFrame, shown: int) -> str:
    whole = int((cells["unfitted_decided"] == 1).sum())
    return (
        f"{shown:,} of {counted(len(cells), 'cell')} with unfitted probes in the transition, the"
        f" fewest decided first; in {whole:,} every one is. Decided is a probe that diverged or"
        " stands at a point that passes the first-order test for a minimum and where going on no"
        " longer lowers the loss; the finish ran out on the others, which may still fit. The"
        " transition is where the fitted probability of a fit at minima lies between 5 and 95 %."
        " Names leave out what nearly all cells share."
    )


FIGURE: Final = Figure(
    "unfitted-decided",
    "Which unfitted probes in the transition are decided?",
    (
        some(
            "FROM estimates WHERE unfitted_decided IS NOT NULL",
            "No measured cell has an unfitted probe in its transition.",
        ),
    ),
    draw,
)
