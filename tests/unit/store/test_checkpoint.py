"""Checkpoints come back as they were written, or not at all."""

import logging
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emc.errors import FileError
from emc.store import checkpoint as checkpoint_module
from emc.store.checkpoint import beside, read_checkpoint, write_checkpoint
from emc.store.journal import Journal

ARRAYS: dict[str, np.ndarray] = {
    "0": np.arange(6, dtype=np.float32).reshape(2, 3),
    "none": np.empty((0, 4), dtype=np.float64),
    "number": np.array(7, dtype=np.int64),
    "bytes": np.array([1, 255], dtype=np.uint8),
    "flags": np.array([True, False]),
    "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
}
FACTS: dict[str, Any] = {
    "epochs": 3,
    "seconds": 0.1,
    "loss": inf,
    "deep": {"rows": [[0, 1], [2, 0]]},
}


@pytest.fixture
def path(quick_path: Path) -> Path:
    return beside(quick_path / "journal" / "rounds.journal")


def test_facts_and_arrays_come_back(path: Path) -> None:
    write_checkpoint(path, "a", FACTS, ARRAYS)
    kept = read_checkpoint(path, "a")
    assert kept is not None
    assert kept[0] == FACTS
    assert kept[1].keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert kept[1][name].dtype == array.dtype
        np.testing.assert_array_equal(kept[1][name], array)


def test_the_last_one_written_counts(path: Path) -> None:
    for epochs in (1, 2):
        write_checkpoint(path, "a", {"epochs": epochs}, {})
    assert read_checkpoint(path, "a") == ({"epochs": 2}, {})
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_none_was_written(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert read_checkpoint(path, "a") is None
    assert not caplog.text


@pytest.mark.parametrize("where", ["cut", "bit", "text", "empty"])
def test_a_damaged_one_is_told_and_left_out(
    path: Path, caplog: pytest.LogCaptureFixture, where: str
) -> None:
    write_checkpoint(path, "a", FACTS, ARRAYS)
    blob = path.read_bytes()
    damaged = {
        "cut": blob[:-3],
        "bit": blob[:-3] + bytes([blob[-3] ^ 1]) + blob[-2:],
        "text": blob.replace(b"seconds", b"sekonds"),
        "empty": b"",
    }
    path.write_bytes(damaged[where])
    assert read_checkpoint(path, "a") is None
    assert f"{path}: damaged" in caplog.text
    assert "the round begins anew" in caplog.text


def test_any_byte_that_changed_is_noticed(path: Path) -> None:
    write_checkpoint(path, "a", FACTS, ARRAYS)
    blob = path.read_bytes()
    for place in range(0, len(blob), 7):
        path.write_bytes(blob[:place] + bytes([blob[place] ^ 4]) + blob[place + 1 :])
        assert read_checkpoint(path, "a") is None


def test_one_of_another_round_or_format_is_left_out(
    path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_checkpoint(path, "a", FACTS, ARRAYS)
    with caplog.at_level(logging.INFO):
        assert read_checkpoint(path, "b") is None
        assert "of another round" in caplog.text
        monkeypatch.setattr(checkpoint_module, "_FORMAT", 0)
        assert read_checkpoint(path, "a") is None


def test_a_full_disk_is_told_and_keeps_the_one_before(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_checkpoint(path, "a", FACTS, {})
    monkeypatch.setattr(Path, "open", no_room)
    with pytest.raises(FileError, match=r"round\.checkpoint: cannot be written: .*No space left"):
        write_checkpoint(path, "a", {}, {})
    monkeypatch.undo()
    assert read_checkpoint(path, "a") == (FACTS, {})


def no_room(*arguments: Any, **named: Any) -> None:
    raise OSError(28, "No space left on device")


def test_a_journal_takes_the_checkpoint_of_its_finished_round_away(quick_path: Path) -> None:
    journal = Journal(quick_path / "rounds.journal", "a-cell")
    place = beside(journal.path)
    write_checkpoint(place, "a", FACTS, ARRAYS)
    journal.append([], [])
    journal.close()
    assert not place.exists()
