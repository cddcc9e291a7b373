"""The machine fails under a measurement: nothing measured is lost, nothing counts twice."""

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from emc.data.manifest import TENSORS
from emc.data.prepare import prepare
from emc.errors import FileError
from emc.measurement.job import measure
from emc.store import atomic, journal
from emc.store.columns import PROBES
from emc.store.journal import read_rounds
from emc.store.layout import CellFiles, Results
from emc.store.tables import read_table
from emc.study.cell import Cell
from emc.study.identity import cell_id, dataset_id

CELL = Cell.model_validate(
    {
        "dataset": {"name": "gaussian", "dimension": 6, "samples": 60, "classes": 3},
        "labels": "random",
        "architecture": {"name": "mlp", "depth": 1, "width": 3},
        "optimizer": {"name": "adam", "lr": [0.01, 0.1]},
        "budget": {"epochs": 60},
        "finish": {"iterations": 60, "effort": 1},
        "search": {"tolerance": 0.3, "probes": 30},
    }
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faults") / "data"
    prepare(CELL.dataset, folder, None)
    return folder


@pytest.fixture(scope="module")
def calm(data: Path, tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    """What an undisturbed measurement finds."""
    return found(measured(place(data, tmp_path_factory.mktemp("calm"))))


@pytest.fixture
def results(data: Path, tmp_path: Path) -> Results:
    return place(data, tmp_path)


def place(data: Path, folder: Path) -> Results:
    results = Results(folder / "results")
    shutil.copytree(data, results.data(dataset_id(CELL.dataset)))
    return results


def measured(results: Results) -> CellFiles:
    measure(CELL, results, device="cpu", back_end=None)
    return results.cell(cell_id(CELL))


def found(files: CellFiles) -> pl.DataFrame:
    return read_table(files.probes, PROBES, "measure").drop("seconds", "finish_seconds")


def on_call(number: int, original: Callable[..., object], code: int) -> Callable[..., object]:
    """The function, but its n-th call finds the file system in the state `code`."""
    calls = 0

    def call(*arguments: Any) -> object:
        nonlocal calls
        calls += 1
        if calls == number:
            raise OSError(code, os.strerror(code))
        return original(*arguments)

    return call


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE])
def test_a_file_system_that_fails_between_rounds(
    results: Results, calm: pl.DataFrame, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Full, over quota, mounted read-only, broken, lost: the rounds before are kept."""
    monkeypatch.setattr(journal, "_write_whole", on_call(3, journal._write_whole, code))
    files = results.cell(cell_id(CELL))
    with pytest.raises(FileError, match=f"the round cannot be saved: .*{os.strerror(code)}"):
        measured(results)
    monkeypatch.undo()
    assert len({probe.round for probe in read_rounds(files.journal)[0]}) == 2
    assert not files.failure("measure").exists()
    assert found(measured(results)).equals(calm)


@pytest.mark.parametrize("file", [1, 2, 3])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.ESTALE])
def test_a_file_system_that_fails_as_results_are_written(
    results: Results, calm: pl.DataFrame, file: int, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """End points, probes, estimate: whichever fails, the journal still has it all."""
    monkeypatch.setattr(atomic, "_sync", on_call(file, atomic._sync, code))
    files = results.cell(cell_id(CELL))
    with pytest.raises(FileError, match=os.strerror(code)):
        measured(results)
    monkeypatch.undo()
    assert not files.measured
    assert not list(files.folder.glob("*.part"))
    assert len(read_rounds(files.journal)[0]) == len(calm)
    assert found(measured(results)).equals(calm)


def test_a_file_system_that_fails_as_the_journal_is_shortened(
    results: Results, calm: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atomic, "_sync", on_call(4, atomic._sync, errno.EIO))
    files = results.cell(cell_id(CELL))
    with pytest.raises(FileError, match=os.strerror(errno.EIO)):
        measured(results)
    monkeypatch.undo()
    assert len(read_rounds(files.journal)[0]) == len(calm)
    assert found(measured(results)).equals(calm)


def test_a_results_folder_that_cannot_be_written(
    results: Results, calm: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(self: Path, **_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(self))

    monkeypatch.setattr(Path, "mkdir", read_only)
    with pytest.raises(FileError, match=r"the journal cannot be opened: .*Read-only file system"):
        measured(results)
    monkeypatch.undo()
    assert found(measured(results)).equals(calm)


def test_a_results_folder_that_is_removed_meanwhile(
    results: Results, calm: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is open stays readable, so that the cell still ends with its numbers."""
    original, rounds = journal._write_whole, 0

    def write(*arguments: Any) -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 3:
            shutil.rmtree(results.root / "cells")
        original(*arguments)

    monkeypatch.setattr(journal, "_write_whole", write)
    assert found(measured(results)).equals(calm)


@pytest.mark.parametrize("place_in_file", [0.2, 0.5, 0.9])
def test_a_damaged_journal_is_measured_again_from_the_damage_on(
    results: Results, calm: pl.DataFrame, place_in_file: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "_write_whole", on_call(5, journal._write_whole, errno.ENOSPC))
    files = results.cell(cell_id(CELL))
    with pytest.raises(FileError, match="the round cannot be saved"):
        measured(results)
    monkeypatch.undo()
    content = bytearray(files.journal.read_bytes())
    content[int(len(content) * place_in_file)] ^= 255
    files.journal.write_bytes(content)
    assert found(measured(results)).equals(calm)


def test_a_damaged_tensor_file_is_named_and_is_no_failure_of_the_cell(
    results: Results, data: Path, calm: pl.DataFrame
) -> None:
    tensors = results.data(dataset_id(CELL.dataset)) / TENSORS
    tensors.write_bytes(tensors.read_bytes()[:-9])
    with pytest.raises(
        FileError,
        match=f"{TENSORS}: damaged .*`emc run .* remakes it",
    ):
        measured(results)
    assert not results.cell(cell_id(CELL)).failure("measure").exists()
    shutil.copy2(data / TENSORS, tensors)
    assert found(measured(results)).equals(calm)
