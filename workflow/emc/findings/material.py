"""The numbers of a study that claims are held against."""

from dataclasses import dataclass, replace

import polars as pl

from emc.findings.association import Association
from emc.findings.pairs import bounded_cells, budget_answers, within_budget
from emc.findings.predictor import label_gap_association
from emc.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class Material:
    """Measured rows of the view `emc`, and the label gaps with their generalisation gaps.

    `budgets` says what EMC the same cells have at smaller budgets in gradient evaluations.
    """

    cells: pl.DataFrame
    budgets: pl.DataFrame
    gaps: Association

    @property
    def within_budget(self) -> "Material":
        """The same where each cell counts with what it fits within its budget."""
        return replace(self, cells=within_budget(self.cells))


def material(warehouse: Warehouse) -> Material:
    """What a study has to say."""
    return Material(
        cells=bounded_cells(warehouse),
        budgets=budget_answers(warehouse),
        gaps=label_gap_association(warehouse),
    )
