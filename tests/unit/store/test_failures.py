"""Failures on disk: written, found, cleared."""

import errno
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from emc.errors import FileError
from emc.records import Failure
from emc.store.failures import (
    clear,
    failed_data,
    failures,
    forget_failure,
    forget_tries,
    measurement_failed,
    read_failure,
    write_failure,
)
from emc.store.layout import CellFiles

SETTINGS = "abcd1234"
SEEDS = 3
MEASURE = Failure("a", "measure", "odd: µ 'quoted' words", ("probes.parquet", "estimate.json"))
CERTIFY = Failure("a", "certify", "no gradient", (f"certificate-{SETTINGS}.parquet",))
GENERALISE = Failure("a", "generalise", "too tired", (f"generalisation-{SEEDS}.parquet",))


@pytest.fixture
def files(tmp_path: Path) -> CellFiles:
    return CellFiles(tmp_path / "a")


def test_a_failure_is_read_as_it_was_written(files: CellFiles) -> None:
    write_failure(files.failure("measure"), MEASURE)
    assert read_failure(files.failure("measure")) == MEASURE


ODD = "caf\udce9.png:\n  \ud800 \x1b[31mred\x00\r\n"
SHOWN = r"caf\udce9.png: \ud800 \x1b[31mred\x00"


def test_a_reason_is_one_line_that_everything_takes(files: CellFiles) -> None:
    path = files.failure("measure")
    write_failure(path, replace(MEASURE, reason=ODD))
    assert json.loads(path.read_bytes())["reason"] == SHOWN
    assert read_failure(path).reason == SHOWN


def test_so_is_one_that_was_written_otherwise(files: CellFiles) -> None:
    path = files.failure("measure")
    write_failure(path, MEASURE)
    path.write_text(json.dumps({**vars_of(MEASURE), "reason": ODD}))
    (found,) = failures(files, SETTINGS, SEEDS)
    assert found.reason == SHOWN
    clear(files, found, SETTINGS, SEEDS)
    assert not path.exists()


def test_so_is_that_of_a_damaged_document_in_an_oddly_named_folder(tmp_path: Path) -> None:
    path = tmp_path / "caf\udce9" / "failure-measure.json"
    path.parent.mkdir()
    path.touch()
    assert rf"{tmp_path}/caf\udce9/failure-measure.json: damaged (" in read_failure(path).reason


def test_those_of_other_certificate_settings_are_not_found(files: CellFiles) -> None:
    other = replace(CERTIFY, outputs=(files.certificate("00000000").name,))
    write_failure(files.failure("certify-00000000"), other)
    assert list(failures(files, SETTINGS, SEEDS)) == []
    write_failure(files.failure(f"certify-{SETTINGS}"), CERTIFY)
    write_failure(files.failure("measure"), MEASURE)
    assert list(failures(files, SETTINGS, SEEDS)) == [MEASURE, CERTIFY]


def test_so_are_those_of_another_number_of_runs(files: CellFiles) -> None:
    other = replace(GENERALISE, outputs=(files.generalisation(2).name,))
    write_failure(files.failure("generalise-2"), other)
    assert list(failures(files, SETTINGS, SEEDS)) == []
    write_failure(files.failure(f"generalise-{SEEDS}"), GENERALISE)
    assert list(failures(files, SETTINGS, SEEDS)) == [GENERALISE]
    clear(files, GENERALISE, SETTINGS, SEEDS)
    assert not files.generalisation(SEEDS).exists()
    assert list(failures(files, SETTINGS, 2)) == [other]
    assert files.generalisation(2).exists()


def test_clearing_a_measurement_clears_what_repeats_its_failure(files: CellFiles) -> None:
    write_failure(files.failure("measure"), MEASURE)
    repeated = [files.certificate(SETTINGS), files.certificate("other"), files.generalisation(2)]
    for path in repeated:
        path.touch()
    being_written = files.folder / ".endpoints.safetensors.part"
    being_written.touch()
    files.certificate("older").write_bytes(b"a result by hand")
    clear(files, MEASURE, SETTINGS, SEEDS)
    assert set(files.folder.iterdir()) == {being_written, files.certificate("older")}


def test_damaged_documents_of_one_cell_are_all_cleared(files: CellFiles) -> None:
    """The outputs of the second, all empty files, go with the first."""
    files.folder.mkdir()
    for stage in ("measure", f"certify-{SETTINGS}", f"generalise-{SEEDS}"):
        files.failure(stage).write_text("{")
    files.certificate(SETTINGS).touch()
    for found in list(failures(files, SETTINGS, SEEDS)):
        clear(files, found, SETTINGS, SEEDS)
    assert not list(files.folder.iterdir())


@pytest.mark.parametrize("forget", [forget_failure, forget_tries])
def test_a_failure_that_cannot_be_forgotten(
    forget: Callable[[Path], None], files: CellFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*_: object, **__: Any) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "unlink", read_only)
    wanted = r"failure-measure\.(json|tries): cannot be removed: Read-only file system$"
    with pytest.raises(FileError, match=wanted):
        forget(files.failure("measure"))


def test_clearing_one_leaves_the_other_and_every_result(files: CellFiles) -> None:
    write_failure(files.failure("measure"), MEASURE)
    write_failure(files.failure(f"certify-{SETTINGS}"), CERTIFY)
    files.probes.write_bytes(b"a result by hand")
    clear(files, MEASURE, SETTINGS, SEEDS)
    assert list(failures(files, SETTINGS, SEEDS)) == [CERTIFY]
    assert not files.estimate.exists()
    assert files.probes.read_bytes() == b"a result by hand"


def test_clearing_never_leaves_the_cells_folder(files: CellFiles, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.touch()
    strange = Failure("a", "measure", "odd", ("../outside",))
    files.folder.mkdir()
    files.failure("measure").write_text(json.dumps({**vars_of(strange)}))
    clear(files, read_failure(files.failure("measure")), SETTINGS, SEEDS)
    assert outside.exists()


def vars_of(failure: Failure) -> dict[str, Any]:
    return {name: getattr(failure, name) for name in ("cell", "stage", "reason", "outputs")}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"outputs": 3}',
        '{"cell": "a", "stage": "measure", "reason": "odd", "outputs": "xy"}',
        '{"outputs": [], "colour": "red"}',
        '{"cell": "b", "stage": "measure", "reason": "odd", "outputs": []}',
        '{"cell": "a", "stage": "measure", "reason": null, "outputs": []}',
        '{"cell": "a", "stage": "measure", "reason": "odd", "outputs": [""]}',
        '{"cell": "a", "stage": "measure", "reason": "odd", "outputs": [".."]}',
        '{"cell": "a", "stage": "measure", "reason": "odd", "outputs": ["b/estimate.json"]}',
        "[" * 100_000,
    ],
)
def test_a_damaged_document_is_a_failure_that_can_be_cleared(files: CellFiles, text: str) -> None:
    files.folder.mkdir()
    path = files.failure("measure")
    path.write_text(text)
    files.estimate.touch()
    files.probes.write_bytes(b"a result by hand")
    being_written = files.folder / ".endpoints.safetensors.part"
    being_written.touch()
    (found,) = failures(files, SETTINGS, SEEDS)
    assert (found.cell, found.stage) == ("a", "measure")
    assert found.reason.startswith(f"{path}: damaged (")
    assert found.reason.endswith("`emc retry STUDY a` clears it")
    clear(files, found, SETTINGS, SEEDS)
    assert not list(failures(files, SETTINGS, SEEDS))
    assert set(files.folder.iterdir()) == {files.probes, being_written}


def test_the_stage_of_a_damaged_document_is_in_its_name(files: CellFiles) -> None:
    files.folder.mkdir()
    files.failure(f"certify-{SETTINGS}").touch()
    (found,) = failures(files, SETTINGS, SEEDS)
    assert found.stage == "certify"


def test_empty_files_of_a_measurement_are_its_failure_and_no_later_stages(
    files: CellFiles,
) -> None:
    """As a storage keeps them: outputs only, without the document that says why."""
    assert not measurement_failed(files)
    files.folder.mkdir()
    for output in (files.probes, files.estimate, files.endpoints, files.certificate(SETTINGS)):
        output.touch()
    assert measurement_failed(files)
    (found,) = failures(files, SETTINGS, SEEDS)
    assert (found.cell, found.stage) == ("a", "measure")
    assert found.reason.endswith(": empty; results/logs/measure/a.log says why")
    assert files.estimate.name in found.reason
    clear(files, found, SETTINGS, SEEDS)
    assert not [*files.folder.iterdir()]


def test_so_are_those_of_a_stage_that_follows_one_with_an_answer(files: CellFiles) -> None:
    files.folder.mkdir()
    files.estimate.write_text("{}")
    files.generalisation(SEEDS).touch()
    (found,) = failures(files, SETTINGS, SEEDS)
    log = f"results/logs/generalise/a-{SEEDS}.log"
    assert found.reason == f"{files.generalisation(SEEDS).name}: empty; {log} says why"
    clear(files, found, SETTINGS, SEEDS)
    assert [*files.folder.iterdir()] == [files.estimate]


def test_so_are_those_of_a_data_set(tmp_path: Path) -> None:
    assert failed_data(tmp_path / "wine") is None
    (tmp_path / "wine").mkdir()
    assert failed_data(tmp_path / "wine") is None
    (tmp_path / "wine/manifest.json").touch()
    found = failed_data(tmp_path / "wine")
    assert found == Failure(
        "wine",
        "dataset",
        "manifest.json: empty; results/logs/dataset/wine.log says why",
        ("manifest.json",),
    )
