"""The data dictionary is complete, and every writer fills exactly its table."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from tests.unit.study.strategies import raw_cells

from emc.store.columns import CELLS, TABLES, Table
from emc.store.layout import Results
from emc.store.plan import plan_row
from emc.store.tables import frame
from emc.study import Cell, PlannedCell
from emc.study.identity import identified

RULES = Path(__file__).parents[3] / "workflow" / "rules"


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_column_is_described(table: Table) -> None:
    names = [column.name for column in table.columns]
    assert len(set(names)) == len(names)
    assert set(table.key) <= set(names)
    assert all(column.meaning.strip() for column in table.columns)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in names)
    assert not any(column.nullable for column in table.columns if column.name in table.key)


def planned(cell: Cell) -> PlannedCell:
    identity, definition = identified(cell)
    return PlannedCell(identity, cell, definition, ("a", "b"))


@settings(max_examples=50)
@given(raw_cells)
def test_every_cell_has_a_row(raw: dict[str, Any]) -> None:
    cell = Cell.model_validate(raw)
    row = frame(CELLS, [plan_row(planned(cell))]).row(0, named=True)
    assert row["sections"] == ["a", "b"]
    assert (row["classes"], row["parameters"]) == (cell.classes, cell.parameters)
    assert (row["trainable"], row["bits"]) == (cell.trainable, cell.bits)
    assert row["rates"] == list(cell.optimizer.lr)
    full_batch = cell.optimizer.full_batch
    assert (row["batch"] is None) == full_batch == (row["batch_order"] == "full")
    assert row["definition"] == identified(cell)[1]


def test_a_data_set_of_unknown_shape_has_a_row() -> None:
    dataset = {"name": "csv", "file": "a.csv", "label": "b"}
    cell = Cell.model_validate({"dataset": dataset, "architecture": {"name": "linear"}})
    row = frame(CELLS, [plan_row(planned(cell))]).row(0, named=True)
    assert (row["classes"], row["samples"], row["parameters"]) == (None, None, None)


def test_rules_and_layout_speak_of_the_same_files() -> None:
    rules = "".join(path.read_text() for path in sorted(RULES.glob("*.smk")))
    cell, study = Results(Path("results")).cell("{cell}"), Results(Path("results")).study("{study}")
    for path in (
        cell.probes,
        cell.estimate,
        cell.endpoints,
        cell.certificate("{settings}"),
        cell.generalisation("{seeds}"),
        study.cells,
        study.database,
        study.figures,
        study.page,
        Results(Path("results")).data("{dataset}") / "manifest.json",
    ):
        assert f'"{path}"' in rules


def test_the_journal_lies_outside_of_what_rules_declare() -> None:
    """Snakemake removes declared outputs before a job runs again; finished rounds must survive."""
    rules = "".join(path.read_text() for path in sorted(RULES.glob("*.smk")))
    files = Results(Path("results")).cell("{cell}")
    assert files.journal.parent == files.folder / "journal"
    assert "journal" not in rules
    assert files.failure("measure").name not in rules
