"""Cells that share launches, on a machine of blocks that is made up: each as it is alone."""

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.unit.engine.emulated import Emulated, EmulatedProgram

from emc.data.prepare import prepare
from emc.engine import choose
from emc.engine.persistent import Persistent, group
from emc.engine.persistent.launch import Launch
from emc.engine.slices import alone
from emc.errors import MachineError, Stopped
from emc.jobs.stop import Stop
from emc.measurement.companions import companions
from emc.measurement.measure import Measuring
from emc.measurement.sharing import measure_beside
from emc.measurement.state import Status, read_estimate, state
from emc.records import Estimate, Failure
from emc.store.columns import CELLS, PROBES
from emc.store.failures import write_failure
from emc.store.journal import Journal, read_rounds, wish
from emc.store.layout import Results
from emc.store.plan import plan_row
from emc.store.tables import read_table, write_table
from emc.study.cell import Cell
from emc.study.expand import PlannedCell
from emc.study.identity import canonical, cell_id, dataset_id

POINTS = {"name": "gaussian", "dimension": 6, "samples": 60, "classes": 3}


def cell(**changes: Any) -> Cell:
    keys = {
        "dataset": POINTS,
        "labels": "random",
        "architecture": {"name": "mlp", "depth": 1, "width": 3},
        "optimizer": {"name": "adam", "lr": 0.1},
        "budget": {"epochs": 20},
        "finish": {"iterations": 20, "effort": 1},
        "search": {"tolerance": 0.5, "probes": 16},
    }
    return Cell.model_validate(keys | changes)


OWN = cell(search={"tolerance": 0.05, "probes": 40})
OTHERS = (
    cell(optimizer={"name": "sgd", "lr": 0.3}, search={"tolerance": 0.5, "probes": 24}),
    cell(labels="original", budget={"epochs": 12}),
    cell(architecture={"name": "mlp", "depth": 1, "width": 2}),
)
"""The last one is of another net."""
CELLS_TOGETHER = (OWN, *OTHERS[:2])


class Shared(EmulatedProgram):
    """A kernel that cannot train more than `most` nets at once."""

    most = 1000
    counts: list[int] = []  # noqa: RUF012

    def launch(self, launch: Launch, blocks: int, block_memory: int) -> None:
        self.counts.append(launch.count)
        if launch.count > self.most:
            raise RuntimeError("CUDA_ERROR_ILLEGAL_ADDRESS")
        super().launch(launch, blocks, block_memory)


class SharedMachine(Emulated):
    def program(self, code: str) -> EmulatedProgram:
        return Shared(code, backwards=False)


@pytest.fixture(autouse=True)
def _in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    made, blocks = choose._made, Persistent(SharedMachine())

    def instead(name: str, device: str) -> Any:
        return blocks if name == "persistent" else made(name, device)

    monkeypatch.setattr(choose, "_PREFERRED", {"cpu": ("persistent", "vmap")})
    monkeypatch.setattr(choose, "_made", instead)
    monkeypatch.setattr(Shared, "counts", [])


def measuring(one: Cell, folder: Path, **changes: Any) -> Measuring:
    results = Results(folder)
    data, files = results.data(dataset_id(one.dataset)), results.cell(cell_id(one))
    if not data.exists():
        prepare(one.dataset, data, None)
    return replace(Measuring(one, data, files, "cpu"), **changes)


def probes(one: Measuring) -> pl.DataFrame:
    """All but the seconds, which no two runs share."""
    return read_table(one.files.probes, PROBES, "measure").drop("seconds", "finish_seconds")


def but_seconds(found: Estimate) -> Estimate:
    return replace(found, seconds=0.0)


def assert_same(one: Measuring, other: Measuring) -> None:
    assert probes(one).equals(probes(other))
    assert but_seconds(read_estimate(one.files)) == but_seconds(read_estimate(other.files))


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("calm")


@pytest.fixture
def by_themselves(calm: Path) -> dict[str, Measuring]:
    """Each cell measured alone."""
    found = {cell_id(one): measuring(one, calm) for one in (OWN, *OTHERS)}
    for one in found.values():
        if not one.files.measured:
            alone(one.answered())
    return found


def test_cells_that_share_launches_have_the_numbers_that_each_has_alone(
    by_themselves: dict[str, Measuring], tmp_path: Path
) -> None:
    Shared.counts.clear()
    own, *others = (measuring(one, tmp_path) for one in (OWN, *OTHERS))
    measure_beside(own, others, 4)
    assert max(Shared.counts) > 8
    assert [one.files.measured for one in (own, *others)] == [True, False, False, False]
    assert any(read_rounds(one.files.journal)[0] for one in others)
    for one in others:
        alone(one.answered())
    for one in (own, *others):
        assert_same(one, by_themselves[one.files.folder.name])


def test_stopped_again_and_again_each_goes_on_from_its_own_files(
    by_themselves: dict[str, Measuring], tmp_path: Path
) -> None:
    class Asked(Stop):
        def is_set(self) -> bool:
            return True

    own, *others = (measuring(one, tmp_path) for one in (OWN, *OTHERS))
    for _ in range(3):
        with pytest.raises(Stopped, match="the same command goes on"):
            measure_beside(replace(own, stop=Asked()), others, 4)
    for one in (own, *others):
        assert state(one.files).status is Status.STOPPED
        alone(one.answered())
        assert_same(one, by_themselves[one.files.folder.name])


class Killed(Shared):
    """A kernel in whose launch number `last` the process is killed, as by `kill -9`."""

    last = 0

    def launch(self, launch: Launch, blocks: int, block_memory: int) -> None:
        if len(self.counts) == self.last:
            os.kill(os.getpid(), signal.SIGKILL)
        super().launch(launch, blocks, block_memory)


class Unproved(Persistent):
    """Without torch, which must not train in a process that was forked."""

    def _hold_against_reference(self, *_: object) -> None:
        pass


class KilledMachine(Emulated):
    def program(self, code: str) -> EmulatedProgram:
        return Killed(code, backwards=False)


def exit_of_a_job(folder: Path, launches: int) -> int | None:
    """The exit code of a job of all cells that is killed in a launch."""

    def job() -> None:
        Killed.last = launches
        Killed.counts.clear()
        blocks = Unproved(KilledMachine())
        choose._made = lambda name, device: blocks  # type: ignore[assignment]
        group._FIRST_STEPS = 1  # type: ignore[misc]
        group._SLICE_SECONDS = 1e-9  # type: ignore[misc]
        own, *others = (measuring(one, folder, checkpoint_seconds=0.0) for one in CELLS_TOGETHER)
        measure_beside(own, others, 4)

    process = get_context("fork").Process(target=job)
    process.start()
    process.join(120)
    process.kill()
    return process.exitcode


def test_killed_again_and_again_each_goes_on_from_its_own_files(
    by_themselves: dict[str, Measuring], tmp_path: Path
) -> None:
    for launches in (1, 7, 12, 31):
        assert exit_of_a_job(tmp_path, launches) == -signal.SIGKILL
    own, *others = (measuring(one, tmp_path) for one in CELLS_TOGETHER)
    for one in (own, *others):
        assert read_rounds(one.files.journal)[0]
        assert not one.files.measured
    measure_beside(own, others, 4)
    for one in others:
        alone(one.answered())
    for one in (own, *others):
        assert_same(one, by_themselves[one.files.folder.name])


def test_a_cell_that_cannot_be_measured_leaves_the_others(
    by_themselves: dict[str, Measuring], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    own, one = measuring(OWN, tmp_path), measuring(OTHERS[0], tmp_path)
    broken = measuring(OTHERS[1], tmp_path, data=tmp_path / "none")
    with caplog.at_level("INFO"):
        measure_beside(own, [broken, one], 3)
    assert f"{broken.files.folder.name} is left to its own job: " in caplog.text
    assert state(broken.files).status is Status.TO_DO
    assert_same(own, by_themselves[own.files.folder.name])
    assert read_rounds(one.files.journal)[0]


def test_a_fault_of_the_own_cell_is_raised_and_the_others_keep_what_they_have(
    tmp_path: Path,
) -> None:
    own = measuring(OWN, tmp_path, data=tmp_path / "none")
    with pytest.raises(MachineError, match="manifest"):
        measure_beside(own, [measuring(OTHERS[0], tmp_path)], 2)


def test_a_cell_whose_own_job_waits_is_let_go(tmp_path: Path) -> None:
    own, one = measuring(OWN, tmp_path), measuring(OTHERS[0], tmp_path)
    one.files.journal.parent.mkdir(parents=True)
    wish(one.files.journal).touch()
    measure_beside(own, [one], 2)
    assert own.files.measured
    assert read_rounds(one.files.journal) == ([], False)


def test_a_launch_that_fails_for_several_says_how_to_find_the_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Shared, "most", 8)
    own, *others = (measuring(one, tmp_path) for one in (OWN, OTHERS[0]))
    told = r"a launch that 2 cells shared failed: CUDA.*; `export EMC_GPU_CELLS_PER_JOB=1` and"
    with pytest.raises(MachineError, match=told):
        measure_beside(own, others, 2)


def planned(folder: Path, *cells: Cell) -> Results:
    results = Results(folder)
    rows = [plan_row(PlannedCell(cell_id(one), one, canonical(one), ("all",))) for one in cells]
    plan = results.study("small").cells
    plan.parent.mkdir(parents=True)
    write_table(plan, CELLS, rows)
    for one in cells:
        measuring(one, folder)
    return results


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """That of a cell which another process measures."""
    one = measuring(OTHERS[0], tmp_path)
    journal = Journal(one.files.journal, cell_id(one.cell))
    yield journal
    journal.close()


def test_companions_are_cells_of_the_same_net_that_nobody_measures(tmp_path: Path) -> None:
    sgd, original, _ = OTHERS
    results = planned(tmp_path, original, OWN, *OTHERS[::2])
    assert list(companions(OWN, results, "small")) == [sgd, original]
    assert list(companions(OTHERS[2], results, "small")) == []
    assert list(companions(OWN, results, "not planned yet")) == []


@pytest.mark.usefixtures("journal")
def test_cells_that_somebody_measures_or_waits_for_or_that_failed_are_none(tmp_path: Path) -> None:
    failed, waiting = cell(criterion=0.9), cell(criterion=0.8)
    results = planned(tmp_path, OWN, OTHERS[0], failed, waiting, OTHERS[1])
    write_failure(
        results.cell(cell_id(failed)).failure("measure"),
        Failure(cell_id(failed), "measure", "a reason", ()),
    )
    journal = results.cell(cell_id(waiting)).journal
    journal.parent.mkdir(parents=True)
    wish(journal).touch()
    assert list(companions(OWN, results, "small")) == [OTHERS[1]]


def test_a_cell_whose_data_are_not_prepared_is_none(tmp_path: Path) -> None:
    other = cell(dataset=POINTS | {"samples": 61})
    results = planned(tmp_path, OWN, other, OTHERS[1])
    results.data(dataset_id(other.dataset)).rename(tmp_path / "gone")
    assert list(companions(OWN, results, "small")) == [OTHERS[1]]
