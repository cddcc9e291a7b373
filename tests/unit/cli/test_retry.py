"""Which failures `emc retry` clears."""

from pathlib import Path

import pytest
import yaml
from tests.synthetic import SETTINGS, factorial, write_cell, write_study

from emc.cli.retry import clear_failures
from emc.cli.show import print_cell
from emc.errors import EmcError
from emc.records import Failure
from emc.store.atomic import write_bytes_atomically
from emc.store.failures import clear, write_failure
from emc.store.layout import Results, data_failure
from emc.study import StudyPlan, load_file
from emc.study.identity import dataset_id, settings_id


@pytest.fixture
def study(tmp_path: Path) -> StudyPlan:
    """Three cells, of which the first two have failed."""
    file = tmp_path / "retry.yaml"
    cells = [{"architecture": {"name": "mlp", "width": width}} for width in (2, 4, 8)]
    content = {
        "study": "retry",
        "defaults": {"dataset": "mnist-5k"},
        "sections": {"s": {"cells": cells}},
    }
    file.write_text(yaml.safe_dump(content))
    study = load_file(file)
    for planned in study.cells[:2]:
        outputs = ("estimate.json", "probes.parquet")
        failure = Failure(planned.id, "measure", "odd", outputs)
        write_failure(place(study, planned.id) / "failure-measure.json", failure)
    return study


def place(study: StudyPlan, cell: str) -> Path:
    return Results(study.file.parent / "results").cell(cell).folder


def failed(study: StudyPlan) -> list[bool]:
    return [(place(study, one.id) / "failure-measure.json").exists() for one in study.cells]


def retry(study: StudyPlan, *cells: str, every: bool = False) -> None:
    clear_failures(study.file, cells, study.file.parent / "results", every=every)


def test_by_the_beginning_of_an_id(study: StudyPlan, capsys: pytest.CaptureFixture[str]) -> None:
    first = study.cells[0].id
    retry(study, first[:-3])
    assert failed(study) == [False, True, False]
    assert not list(place(study, first).iterdir())
    assert capsys.readouterr().out == f"{first}: measure will be tried again (it failed: odd)\n"


def test_all(study: StudyPlan, capsys: pytest.CaptureFixture[str]) -> None:
    retry(study, every=True)
    assert failed(study) == [False, False, False]
    capsys.readouterr()
    retry(study, every=True)
    assert capsys.readouterr().out == "no cell has failed\n"


@pytest.fixture
def data(study: StudyPlan) -> Path:
    """Why the data set of all three cells could not be prepared."""
    results = Results(study.file.parent / "results")
    path = data_failure(results.data(dataset_id(study.cells[0].cell.dataset)))
    write_failure(path, Failure(path.parent.name, "dataset", "cut short", ("manifest.json",)))
    return path


@pytest.mark.parametrize("which", ["a cell", "the data set"])
def test_a_data_set_is_cleared_with_all_of_its_cells(
    study: StudyPlan, data: Path, which: str, capsys: pytest.CaptureFixture[str]
) -> None:
    retry(study, study.cells[0].id if which == "a cell" else data.parent.name)
    assert failed(study) == [False, False, False]
    assert not list(data.parent.iterdir())
    name = data.parent.name
    said = capsys.readouterr().out
    assert f"{name}: dataset will be tried again (it failed: cut short)\n" in said


def test_a_data_set_whose_cells_were_not_tried_yet(
    study: StudyPlan, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for planned in study.cells[:2]:
        (place(study, planned.id) / "failure-measure.json").unlink()
    with pytest.raises(EmcError, match=r"mnist-5k \(dataset\): cut short"):
        retry(study)
    retry(study, every=True)
    assert not data.exists()
    assert "mnist-5k: dataset will be tried again" in capsys.readouterr().out


def test_a_damaged_failure_is_cleared_like_any(study: StudyPlan, data: Path) -> None:
    data.write_text("{")
    (place(study, study.cells[0].id) / "failure-measure.json").write_text("{")
    retry(study, every=True)
    assert failed(study) == [False, False, False]
    assert not list(data.parent.iterdir())


def test_no_failure_is_compared_with_the_others(
    study: StudyPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of thousands each would be compared with thousands."""

    def compare(one: Failure, other: object) -> bool:
        pytest.fail(f"{one} is compared with {other}")

    monkeypatch.setattr(Failure, "__eq__", compare)
    retry(study, every=True)
    assert failed(study) == [False, False, False]


def test_damaged_failures_of_one_cell_are_all_cleared(study: StudyPlan) -> None:
    folder = place(study, study.cells[0].id)
    settings = settings_id(study.study.certificate)
    for stage in ("measure", f"certify-{settings}"):
        (folder / f"failure-{stage}.json").write_text("{")
    (folder / "estimate.json").touch()
    retry(study, study.cells[0].id)
    assert not list(folder.iterdir())


def test_of_runs_on_the_whole_training_set_those_that_the_study_asks_for(
    study: StudyPlan, capsys: pytest.CaptureFixture[str]
) -> None:
    study.file.write_text(study.file.read_text() + "generalisation: {seeds: 3}\n")
    cell = study.cells[2].id
    for seeds in (2, 3):
        failure = Failure(cell, "generalise", "odd", (f"generalisation-{seeds}.parquet",))
        write_failure(place(study, cell) / f"failure-generalise-{seeds}.json", failure)
    retry(study, cell)
    said = f"{cell}: generalise will be tried again (it failed: odd)\n"
    assert capsys.readouterr().out == said
    left = {path.name for path in place(study, cell).iterdir()}
    assert left == {"failure-generalise-2.json", "generalisation-2.parquet"}


def test_a_cell_is_shown_once_it_is_measured_after_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its certificate was an empty file, since the measurement had failed."""
    made = write_study(tmp_path / "made", factorial(seed=[0]))
    (planned,) = made.planned
    files = made.results.cell(planned.id)
    failure = Failure(planned.id, "measure", "odd", ("estimate.json",))
    write_failure(files.failure("measure"), failure)
    write_bytes_atomically(files.certificate(SETTINGS), b"")
    clear(files, failure, SETTINGS, 0)
    write_cell(made.results, planned.id, planned.cell, certify=False)
    print_cell(planned.id, made.results.root)
    said = capsys.readouterr().out
    assert said.startswith(f"{planned.id}\n")
    assert " emc50 " in said
    assert "failed" not in said


def test_nothing_chosen_lists_what_there_is(study: StudyPlan) -> None:
    with pytest.raises(EmcError, match=f"name cells, or --all.*\n.*{study.cells[0].id}"):
        retry(study)
    assert failed(study) == [True, True, False]


def test_names_beside_all_are_refused(study: StudyPlan) -> None:
    with pytest.raises(EmcError, match=r"--all and 'nope': name cells or say --all, not both"):
        retry(study, "nope", every=True)
    assert failed(study) == [True, True, False]


def test_an_empty_name_is_refused(study: StudyPlan) -> None:
    with pytest.raises(EmcError, match=r"cell '': every id begins so; --all clears all"):
        retry(study, "")
    assert failed(study) == [True, True, False]


def test_a_name_where_nothing_has_failed(study: StudyPlan) -> None:
    retry(study, every=True)
    with pytest.raises(EmcError, match=r"no failed cell begins so; failed are:\n  none$"):
        retry(study, "nope")


@pytest.mark.parametrize("every", [False, True])
def test_a_folder_that_is_not_there_is_refused(study: StudyPlan, every: bool) -> None:
    nowhere = study.file.parent / "nowhere"
    with pytest.raises(EmcError, match="nowhere: no such folder: nothing was measured here"):
        clear_failures(study.file, (), nowhere, every=every)


@pytest.mark.parametrize("which", ["nonsense", "the third"])
def test_a_cell_that_has_not_failed_is_refused(study: StudyPlan, which: str) -> None:
    cell = study.cells[2].id if which == "the third" else which
    with pytest.raises(EmcError, match=f"cell '{cell}': no failed cell begins so"):
        retry(study, study.cells[0].id, cell)
    assert failed(study) == [True, True, False]
