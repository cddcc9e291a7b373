"""How far a cell is, whatever its files have become."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.store.examples import CELL, one_round

from emc.measurement.state import Status, state
from emc.records import Failure
from emc.store import journal as journal_module
from emc.store.failures import write_failure
from emc.store.journal import Journal
from emc.store.layout import CellFiles
from emc.store.rows import probe_row

Oddity = Callable[[], Journal | None]


@pytest.fixture
def files(tmp_path: Path) -> CellFiles:
    return CellFiles(tmp_path / CELL)


@pytest.fixture
def another_version(files: CellFiles, monkeypatch: pytest.MonkeyPatch) -> Oddity:
    def begin() -> Journal:
        row = probe_row
        with monkeypatch.context() as patched:
            patched.setattr(journal_module, "probe_row", lambda one: {**row(one), "colour": 1})
            journal = Journal(files.journal, CELL)
            journal.append(*one_round(0))
        return journal

    return begin


@pytest.fixture
def folder(files: CellFiles) -> Oddity:
    return lambda: files.journal.mkdir(parents=True)


@pytest.fixture(params=["another_version", "folder"])
def odd(request: pytest.FixtureRequest) -> None:
    """A journal that cannot be read and that nobody has open."""
    if journal := request.getfixturevalue(request.param)():
        journal.close()


@pytest.mark.usefixtures("odd")
class TestAJournalThatCannotBeRead:
    """It is the fault of its cell alone."""

    def test_is_damage_where_there_is_no_answer(self, files: CellFiles) -> None:
        found = state(files)
        assert found.status is Status.DAMAGED
        assert found.reason.startswith(f"{files.journal}: ")

    def test_hides_no_failure(self, files: CellFiles) -> None:
        write_failure(files.failure("measure"), Failure(CELL, "measure", "odd", ()))
        assert (state(files).status, state(files).reason) == (Status.FAILED, "odd")

    def test_leaves_the_answer_to_be_read(self, files: CellFiles) -> None:
        files.estimate.touch()
        assert state(files).reason.startswith(f"{files.estimate}: ")


def test_one_that_another_version_writes_just_now_is_running(
    files: CellFiles, another_version: Oddity
) -> None:
    journal = another_version()
    assert journal is not None
    assert state(files).status is Status.RUNNING
    journal.close()
