"""What a figure is: a name, a title, what it needs of a study, and how it is drawn."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import altair as alt

from emc.warehouse import Warehouse

Chart = alt.Chart | alt.LayerChart | alt.FacetChart | alt.ConcatChart
Need = Callable[[Warehouse], str | None]
"""Says what to run where a study lacks what a figure shows, or None."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure; `draw` gives a chart whose `description` is the caption."""

    name: str
    title: str
    needs: tuple[Need, ...]
    draw: Callable[[Warehouse], Chart]

    def lacking(self, warehouse: Warehouse) -> str | None:
        """What to run before this figure has anything to show, or None."""
        return next((line for need in self.needs if (line := need(warehouse))), None)


def some(clause: str, otherwise: str) -> Need:
    """Need: `SELECT 1 <clause>` finds a row; `otherwise` says what to run."""

    def lacking(warehouse: Warehouse) -> str | None:
        return otherwise if warehouse.sql(f"SELECT 1 {clause} LIMIT 1").is_empty() else None

    return lacking


cells_measured: Final = some("FROM estimates", "No cell is measured yet: run this study.")
minima_known: Final = some(
    "FROM estimates WHERE emc50 IS NOT NULL",
    "No measured cell has a number at minima: run this study, or give it more"
    " iterations of the finish.",
)
cells_with_transition: Final = some(
    "FROM emc WHERE NOT saturated AND NOT below_smallest AND isfinite(emc50)"
    " AND transition_width > 1",
    "No cell is measured up to the end of what it fits: measure smaller nets or larger data sets.",
)
spectra_known: Final = some(
    "FROM curvature WHERE isfinite(curvature_ratio) AND isfinite(loss)",
    "No end point has a known spectrum: run this study to the end.",
)


def levels(factor: str, example: str) -> Need:
    """Need: measured cells with two or more levels of a factor."""

    def lacking(warehouse: Warehouse) -> str | None:
        query = f"SELECT DISTINCT {factor} FROM emc WHERE status = 'measured' ORDER BY 1"
        found = warehouse.sql(query)[factor].drop_nulls().to_list()
        if len(found) > 1:
            return None
        only = f"only {found[0]}" if found else "none"
        return (
            f"The measured cells have {only} as {factor.replace('_', ' ')}: give a section of the"
            f" study `grid: {{{example}}}` to compare."
        )

    return lacking
