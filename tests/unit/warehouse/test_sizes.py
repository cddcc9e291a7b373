"""Sizes of cells whose data were not looked at when the study was planned."""

from pathlib import Path
from typing import Any

from tests.synthetic import SETTINGS

from emc.data.prepare import prepare
from emc.store.columns import CELLS
from emc.store.layout import Results
from emc.store.plan import plan_row
from emc.store.tables import write_table
from emc.study import Cell, PlannedCell
from emc.study.identity import dataset_id, identified
from emc.warehouse import build, open_database


def planned(folder: Path, **keys: Any) -> PlannedCell:
    entry = {"name": "csv", "file": str(folder / "wine.csv"), "label": "kind"}
    net = {"name": "mlp", "width": 4, "depth": 1}
    cell = Cell.model_validate({"dataset": entry, "architecture": net, **keys})
    identity, definition = identified(cell)
    return PlannedCell(identity, cell, definition, ("a",))


def test_manifests_tell_what_was_not_known(tmp_path: Path) -> None:
    rows = "".join(f"{n},{n * n},{'abc'[n % 3]}\n" for n in range(30))
    (tmp_path / "wine.csv").write_text("x,y,kind\n" + rows)
    low_rank = {"name": "quantised", "bits": 2}
    cells = [
        planned(tmp_path),
        planned(tmp_path, labels={"name": "random", "classes": 5}),
        planned(tmp_path, parameterisation=low_rank),
        planned(tmp_path, dataset={"name": "csv", "file": "absent.csv", "label": "kind"}),
    ]
    results = Results(tmp_path / "results")
    dataset = cells[0].cell.dataset
    prepare(dataset, results.data(dataset_id(dataset)), None)
    plan = tmp_path / "cells.parquet"
    write_table(plan, CELLS, map(plan_row, cells))
    build(tmp_path / "emc.duckdb", plan, results, SETTINGS)
    with open_database(tmp_path / "emc.duckdb") as warehouse:
        found = warehouse.sql(
            "SELECT dataset, classes, samples, parameters, trainable, bits FROM emc ORDER BY ALL"
        )
        names = warehouse.sql("SELECT name FROM datasets ORDER BY 1")["name"].to_list()
    assert names == ["absent", "wine"]
    # Three inputs become two columns: (2 + 1) 4 + (4 + 1) 3 = 27, and with five classes 37.
    assert found.rows() == [
        ("absent", None, None, None, None, None),
        ("wine", 3, 24, 27, 27, 54),
        ("wine", 3, 24, 27, 27, 864),
        ("wine", 5, 24, 37, 37, 1184),
    ]
