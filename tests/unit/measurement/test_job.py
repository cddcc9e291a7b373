"""A job beside another of the same cell."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from emc.data.prepare import prepare
from emc.jobs.cards import CELLS_PER_JOB
from emc.measurement import device_choice, job
from emc.measurement import measure as measurement
from emc.measurement.companions import STUDY
from emc.measurement.device_choice import GAIN
from emc.measurement.job import measure
from emc.measurement.measure import Measuring
from emc.measurement.state import Status, state
from emc.store.journal import Journal, wish
from emc.store.layout import Results
from emc.study.cell import Cell
from emc.study.identity import cell_id, dataset_id

CELL = Cell.model_validate(
    {
        "dataset": {"name": "gaussian", "dimension": 6, "samples": 60, "classes": 3},
        "architecture": {"name": "mlp", "depth": 1, "width": 3},
        "optimizer": {"name": "adam", "lr": 0.1},
        "budget": {"epochs": 20},
        "finish": {"iterations": 60, "effort": 1},
        "search": {"tolerance": 0.5, "probes": 8},
    }
)


def test_a_job_that_waits_for_another_takes_no_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CUDA would keep to that card, even where another is free when the job may begin."""
    results = Results(tmp_path)
    files = results.cell(cell_id(CELL))
    prepare(CELL.dataset, results.data(dataset_id(CELL.dataset)), None)
    other = Journal(files.journal, cell_id(CELL))
    told = []

    def wait(_: float) -> None:
        told.append("waits")
        assert wish(files.journal).exists()
        other.close()

    def take() -> AbstractContextManager[None]:
        told.append("has a card")
        return nullcontext()

    monkeypatch.setattr(job, "sleep", wait)
    monkeypatch.setattr(job, "one_card", take)
    measure(CELL, results, device="auto", back_end=None)
    assert told == ["waits", "has a card"]
    assert files.measured
    assert not wish(files.journal).exists()


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt("stops before it writes")


@pytest.fixture
def with_a_card(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A machine whose card can be seen; what jobs do with it is told."""
    told: list[str] = []

    def take() -> AbstractContextManager[None]:
        told.append("has a card")
        return nullcontext()

    monkeypatch.setattr(job, "one_card", take)
    monkeypatch.setattr(job, "visible_model", lambda _: "NVIDIA H200")
    monkeypatch.setattr(device_choice, "visible_model", lambda _: "NVIDIA H200")
    return told


@pytest.mark.parametrize(("gain", "told"), [("inf", []), ("0", ["has a card"])])
def test_a_cell_for_the_processor_holds_no_card(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    with_a_card: list[str],
    gain: str,
    told: list[str],
) -> None:
    results = Results(tmp_path)
    prepare(CELL.dataset, results.data(dataset_id(CELL.dataset)), None)
    monkeypatch.setenv(GAIN, gain)
    measure(CELL, results, device="auto", back_end=None)
    assert with_a_card == told
    assert results.cell(cell_id(CELL)).measured


def test_a_cell_goes_on_where_it_began(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_a_card: list[str]
) -> None:
    """Whatever is foretold by then: other devices round otherwise and have other rounds."""
    results = Results(tmp_path)
    files = results.cell(cell_id(CELL))
    prepare(CELL.dataset, results.data(dataset_id(CELL.dataset)), None)
    with monkeypatch.context() as patched:
        patched.setattr(measurement, "_write", interrupt)
        with pytest.raises(KeyboardInterrupt, match="stops before it writes"):
            measure(CELL, results, device="cpu", back_end=None)
    assert state(files).status is Status.STOPPED
    monkeypatch.setenv(GAIN, "0")
    measure(CELL, results, device="auto", back_end=None)
    assert not with_a_card
    assert files.measured


@pytest.mark.usefixtures("with_a_card")
@pytest.mark.parametrize(("cells", "told"), [("1", []), ("3", [(["cuda", "other"], 3)])])
def test_a_job_on_a_card_takes_others_along_where_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cells: str, told: list[object]
) -> None:
    results, other = Results(tmp_path), CELL.model_copy(update={"criterion": 0.9})
    seen: list[object] = []

    def companions(own: Cell, folder: Results, study: str) -> Iterator[Cell]:
        assert (own, folder, study) == (CELL, results, "small")
        yield other

    def beside(own: Measuring, others: Iterable[Measuring], count: int) -> None:
        (one,) = others
        assert (own.cell, one.cell) == (CELL, other)
        assert one.files == results.cell(cell_id(other))
        seen.append(([one.device, "other"], count))

    prepare(CELL.dataset, results.data(dataset_id(CELL.dataset)), None)
    monkeypatch.setattr(job, "companions", companions)
    monkeypatch.setattr(job, "measure_beside", beside)
    monkeypatch.setattr(job, "alone", lambda training: training.close())
    monkeypatch.setattr(job, "resolve", lambda _: "cuda")
    monkeypatch.setenv(GAIN, "0")
    monkeypatch.setenv(CELLS_PER_JOB, cells)
    monkeypatch.setenv(STUDY, "small")
    measure(CELL, results, device="auto", back_end=None)
    assert seen == told
