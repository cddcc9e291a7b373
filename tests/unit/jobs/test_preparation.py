"""A data set that cannot be prepared fails, and its cells with it; what can pass is raised."""

import errno
import os
from pathlib import Path

import pytest

from emc.data.manifest import MANIFEST, TENSORS, read_manifest
from emc.errors import EmcError, FileError
from emc.jobs import preparation
from emc.jobs.preparation import prepare_or_fail
from emc.measurement.certify import certify
from emc.measurement.job import measure
from emc.store.failures import read_failure
from emc.store.layout import Results, data_failure
from emc.study.cell import Cell
from emc.study.certificate import CertificateSettings
from emc.study.identity import cell_id, dataset_id, settings_id

CELL = Cell.model_validate(
    {
        "dataset": {"name": "csv", "file": "mine.csv", "label": "kind"},
        "architecture": {"name": "linear"},
        "optimizer": {"name": "sgd", "lr": 0.1},
        "budget": {"epochs": 2},
        "finish": {"iterations": 60, "effort": 1},
        "search": {"tolerance": 0.5, "probes": 4},
    }
)
GOOD = "a,kind\n" + "".join(f"{row},{'xy'[row % 2]}\n" for row in range(40))
ONE_CLASS = "a,kind\n1,x\n2,x\n"


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return Results(tmp_path / "results")


def prepared(results: Results, content: str) -> Path:
    """The folder of the data set, made from a table of this content."""
    (results.root.parent / "mine.csv").write_text(content)
    folder = results.data(dataset_id(CELL.dataset))
    prepare_or_fail(CELL.dataset, folder, results.root.parent)
    return folder


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (ONE_CLASS, "mine.csv: expected two classes or more"),
        (
            "a,kind\n1,x\nmany,y\n2,x\n",
            "mine.csv: line 3, column 'a': expected a finite number, found 'many'",
        ),
        ("", "mine.csv: empty: expected a header line"),
    ],
)
def test_a_malformed_table_leaves_its_reason_and_empty_files(
    results: Results, content: str, reason: str
) -> None:
    folder = prepared(results, content)
    assert reason in read_failure(data_failure(folder)).reason
    assert (folder / TENSORS).read_bytes() == (folder / MANIFEST).read_bytes() == b""
    with pytest.raises(
        EmcError, match=f"^data set mine-.* could not be prepared: .*{reason}"
    ) as told:
        read_manifest(folder)
    assert not isinstance(told.value, FileError), "it would pass for something that can pass"


def test_its_cells_fail_with_the_reason(results: Results) -> None:
    prepared(results, ONE_CLASS)
    measure(CELL, results, device="cpu", back_end=None)
    failure = read_failure(results.cell(cell_id(CELL)).failure("measure"))
    assert "could not be prepared: mine.csv: expected two classes or more" in failure.reason


def test_a_cell_that_was_measured_before_fails_at_its_next_stage(results: Results) -> None:
    prepared(results, GOOD)
    measure(CELL, results, device="cpu", back_end=None)
    prepared(results, ONE_CLASS)
    files, settings = results.cell(cell_id(CELL)), CertificateSettings()
    identity = settings_id(settings)
    certify(CELL, settings, results, files.certificate(identity))
    assert files.measured
    assert "could not be prepared" in read_failure(files.failure(f"certify-{identity}")).reason


def test_a_mended_table_is_prepared_and_forgets_the_failure(results: Results) -> None:
    prepared(results, ONE_CLASS)
    folder = prepared(results, GOOD)
    assert read_manifest(folder).classes == 2
    assert not data_failure(folder).exists()


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OSError(errno.ESTALE, os.strerror(errno.ESTALE)), FileError),
        (FileError("tensors.safetensors: cannot be written: full"), FileError),
        (MemoryError("64 GB wanted"), MemoryError),
        (KeyboardInterrupt("^C"), KeyboardInterrupt),
    ],
)
def test_what_can_pass_is_no_failure(
    results: Results,
    error: BaseException,
    kind: type[BaseException],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(preparation, "prepare", fails)
    with pytest.raises(kind, match=r"Stale|full|64 GB|\^C"):
        prepared(results, GOOD)
    assert not data_failure(results.data(dataset_id(CELL.dataset))).exists()


def test_a_missing_original_is_no_failure(results: Results) -> None:
    folder = results.data(dataset_id(CELL.dataset))
    with pytest.raises(FileError, match=r"mine\.csv: no such file or folder"):
        prepare_or_fail(CELL.dataset, folder, results.root)
    assert not data_failure(folder).exists()
