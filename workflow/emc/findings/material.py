"""The numbers of a study that claims are held against."""

from dataclasses import dataclass

import polars as pl

from emc.findings.association import Association
from emc.findings.pairs import measured_cells
from emc.findings.predictor import label_gap_association
from emc.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class Material:
    """Measured rows of the view `emc`, and the label gaps with their generalisation gaps."""

    cells: pl.DataFrame
    gaps: Association


def material(warehouse: Warehouse) -> Material:
    """What a study has to say."""
    return Material(measured_cells(warehouse), label_gap_association(warehouse))
