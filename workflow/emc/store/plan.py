"""The plan of a study as rows of the table `cells`."""

from typing import Any

import polars as pl

from emc.errors import FileError
from emc.store.columns import CELLS
from emc.store.layout import REMADE_BY, Results
from emc.store.tables import read_table
from emc.study import PlannedCell
from emc.study.factors import levels


def plan_row(planned: PlannedCell) -> dict[str, Any]:
    """A planned cell as a row: its keys spread over columns, and its definition whole."""
    return {
        "cell": planned.id,
        "sections": list(planned.sections),
        **levels(planned.cell),
        "definition": planned.definition,
    }


def planned_row(results: Results, cell: str) -> dict[str, Any] | None:
    """The row of a cell in the plan of a study of these results; None where none plans it.

    A plan that cannot be read is of another version, whose cells have other ids, or is told by the
    commands of its study.
    """
    for path in sorted(results.studies.glob("*/cells.parquet")):
        try:
            found = read_table(path, CELLS, REMADE_BY).filter(pl.col("cell") == cell)
        except FileError:
            continue
        if len(found):
            return found.row(0, named=True)
    return None
