"""Short runs that tell what a study costs."""

from pathlib import Path

import pytest

from emc.data.prepare import prepare
from emc.errors import FileError
from emc.measurement.calibrate import calibrate, unprepared
from emc.store.layout import Results
from emc.study.cell import Cell
from emc.study.identity import dataset_id

CELLS = [
    Cell.model_validate(
        {
            "dataset": {"name": "gaussian", "dimension": 6, "samples": 60, "classes": 3},
            "labels": "random",
            "architecture": {"name": "mlp", "depth": 1, "width": width},
            "optimizer": {"name": "adam", "lr": 0.1},
            "budget": {"epochs": 20},
            "finish": {"iterations": 60, "effort": 1000},
            "search": {"tolerance": 0.01, "probes": 200},
        }
    )
    for width in (9, 2, 5, 3)
]


def test_the_smallest_the_middle_and_the_largest_are_tried(tmp_path: Path) -> None:
    results = Results(tmp_path)
    prepare(CELLS[0].dataset, results.data(dataset_id(CELLS[0].dataset)), None)
    found = calibrate(CELLS, results)
    sizes = sorted(cell.parameters for cell in CELLS)
    assert [size for size, _ in found] == [sizes[0], sizes[2], sizes[3]]
    assert all(seconds > 0 for _, seconds in found)
    assert not (tmp_path / "cells").exists()


def test_one_cell_is_tried_once(tmp_path: Path) -> None:
    results = Results(tmp_path)
    prepare(CELLS[0].dataset, results.data(dataset_id(CELLS[0].dataset)), None)
    assert [size for size, _ in calibrate(CELLS[:1], results)] == [CELLS[0].parameters]


def test_what_must_be_prepared_is_named(tmp_path: Path) -> None:
    results = Results(tmp_path)
    folder = results.data(dataset_id(CELLS[0].dataset))
    assert unprepared(CELLS, results) == [folder / "tensors.safetensors"]
    prepare(CELLS[0].dataset, folder, None)
    assert unprepared(CELLS, results) == []


def test_data_must_be_prepared(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"no such file; `emc run .* makes it"):
        calibrate(CELLS, Results(tmp_path))
