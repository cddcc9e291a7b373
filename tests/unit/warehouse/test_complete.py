"""Whether a study is complete: cells that failed, and data sets that could not be prepared."""

from pathlib import Path

import pytest
from tests.synthetic import SETTINGS, SyntheticStudy, factorial, write_study

from emc.errors import EmcError
from emc.records import Failure
from emc.store.failures import write_failure
from emc.store.layout import data_failure
from emc.warehouse import build
from emc.warehouse.complete import confirm


@pytest.fixture
def study(tmp_path: Path) -> SyntheticStudy:
    return write_study(tmp_path, factorial(seed=[0, 1]))


def confirmed(study: SyntheticStudy) -> str:
    """The note, of a database made anew."""
    build(study.database, study.cells, study.results, SETTINGS)
    note = study.database.with_name("complete.txt")
    confirm(study.database, study.results.root, note)
    return note.read_text()


def test_a_study_without_failures(study: SyntheticStudy) -> None:
    assert confirmed(study) == "all 2 cells are measured\n"


def test_an_answer_damaged_since_the_database_was_made(study: SyntheticStudy) -> None:
    confirmed(study)
    note = study.database.with_name("complete.txt")
    note.unlink()
    study.results.cell(study.planned[1].id).estimate.write_text("{")
    with pytest.raises(
        EmcError,
        match=r"estimate\.json: damaged .*`emc run .* remakes it",
    ):
        confirm(study.database, study.results.root, note)
    assert not note.exists()


def test_every_failure_is_listed(study: SyntheticStudy) -> None:
    cell = study.planned[0].id
    path = study.results.cell(cell).failure(f"certify-{SETTINGS}")
    write_failure(path, Failure(cell, "certify", "odd", ()))
    told = rf"  {cell} \(certify\): odd\n`emc retry STUDY --all` clears them"
    said = rf"^1 of 2 cells failed; .*:\n{told}"
    with pytest.raises(EmcError, match=said):
        confirmed(study)


def test_a_data_set_that_failed_after_its_cells_were_measured(study: SyntheticStudy) -> None:
    path = data_failure(study.results.data("mnist-5k"))
    write_failure(path, Failure("mnist-5k", "dataset", "cut short", ("manifest.json",)))
    with pytest.raises(
        EmcError, match=r"^0 of 2 cells failed; .*:\n  data set mnist-5k: cut short"
    ):
        confirmed(study)
