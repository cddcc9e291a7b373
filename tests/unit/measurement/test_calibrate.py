"""Short timing runs that tell how fast this machine is."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from emc.curvature.native import NativeOperator
from emc.engine import run_probes
from emc.measurement import calibrate as calibrate_module
from emc.measurement import timing
from emc.measurement.calibrate import calibrate
from emc.measurement.expectation import expected_emc50
from emc.measurement.kinds import kind, work
from emc.measurement.machine import known_paces, machine
from emc.measurement.timing import TimedCell, needs_torch, pace, time_cells
from emc.records import Pace
from emc.store.paces import paces_file, write_paces
from emc.study import Cell


def cell(width: int = 4, **keys: Any) -> Cell:
    content = {
        "dataset": {"name": "gaussian", "dimension": 6, "samples": 600, "classes": 3},
        "labels": "random",
        "architecture": {"name": "mlp", "depth": 1, "width": width},
        "optimizer": {"name": "adam", "lr": 0.1},
        **keys,
    }
    return Cell.model_validate(content)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMC_CACHE_DIR", str(tmp_path))


@pytest.fixture
def asked(cache: None, monkeypatch: pytest.MonkeyPatch) -> list[Cell]:
    """The cells that are timed; of those with squared errors the timing run fails."""
    seen: list[Cell] = []

    def one(cells: Sequence[Cell], device: str) -> Iterator[TimedCell]:
        for each in cells:
            seen.append(each)
            failed = each.loss.name == "squared-error"
            known = Pace(each.parameters, work(each), 1e-6, 1, 1e-6, 0, 0.5, 100)
            yield TimedCell(None, "odd") if failed else TimedCell(known)

    monkeypatch.setattr(calibrate_module, "time_cells", one)
    return seen


def test_each_kind_is_tried_once_on_a_machine(asked: list[Cell]) -> None:
    cells = [cell(2), cell(3), cell(9), cell(3, optimizer="sgd")]
    told: list[str] = []
    paces, errors = calibrate(cells, "cpu", told.append)
    assert sorted(one.parameters for one in asked) == sorted(
        one.parameters for one in (cell(2), cell(9), cell(3))
    )
    assert told == ["timed 1 of 3 nets", "timed 2 of 3 nets", "timed 3 of 3 nets"]
    assert errors == []
    assert set(paces) == {kind(one, "cpu") for one in cells}
    assert known_paces("cpu") == paces
    asked.clear()
    assert calibrate([cell(2), cell(9)], "cpu", told.append) == (paces, [])
    assert asked == []


def test_what_cannot_be_tried_is_told_and_the_rest_is_kept(asked: list[Cell]) -> None:
    cells = [cell(2, loss="squared-error"), cell(5)]
    paces, errors = calibrate(cells, "cpu", lambda _: None)
    assert errors == ["odd"]
    assert set(paces) == {kind(cell(5), "cpu")}


def test_paces_that_cannot_be_kept_are_told_and_taken(
    asked: list[Cell], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("EMC_CACHE_DIR", str(tmp_path / "file" / "cache"))
    told: list[str] = []
    paces, errors = calibrate([cell()], "cpu", told.append)
    assert list(paces) == [kind(cell(), "cpu")]
    assert not errors
    assert told[-1].startswith("known until this command ends: the paces cannot be kept: [Errno ")


def test_those_that_torch_trains_come_last(asked: list[Cell]) -> None:
    quantised = cell(2, parameterisation={"name": "quantised", "bits": 4})
    assert needs_torch(quantised)
    assert not needs_torch(cell())
    calibrate([quantised, cell(9)], "cpu", lambda _: None)
    assert asked == [cell(9), quantised]


def test_what_time_does_not_allow_is_told_and_tried_next(
    asked: list[Cell], monkeypatch: pytest.MonkeyPatch
) -> None:
    def only_one(cells: Sequence[Cell], device: str) -> Iterator[TimedCell]:
        yield TimedCell(Pace(cells[0].parameters, work(cells[0]), 1e-6, 1, 1e-6, 0, 0.5, 100))
        yield from (TimedCell(None) for _ in cells[1:])

    monkeypatch.setattr(calibrate_module, "time_cells", only_one)
    cells, told = [cell(5), cell(5, optimizer="sgd")], list[str]()
    paces, errors = calibrate(cells, "cpu", told.append)
    assert (len(paces), errors) == (1, [])
    assert told == [
        "timed 1 of 2 nets",
        "time was up for 1: expected to be as fast as the nets most like them",
    ]
    assert calibrate(cells, "cpu", told.append)[0].keys() == {kind(one, "cpu") for one in cells}


def test_machines_and_devices_are_told_apart(cache: None, monkeypatch: pytest.MonkeyPatch) -> None:
    write_paces(paces_file(machine("cpu")), {"a": [Pace(1, 1, 1, 1, 1, 1, 1, 1)]})
    assert known_paces("cpu")
    assert known_paces("cuda") == {}
    monkeypatch.setattr("emc.measurement.machine.software", lambda: "another version")
    assert known_paces("cpu") == {}


class Clock:
    """Each step of training and each pass of a finish takes so long."""

    def __init__(self) -> None:
        self.now = 0.0
        self.per_sample = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock, first_order = Clock(), NativeOperator.first_order

    def timed(procedure: Any, replicas: Any, **keys: Any) -> Any:
        runs = run_probes(procedure, replicas, **keys)
        clock.now += 0.01 * sum(one.steps for one in runs)
        return runs

    def timed_pass(self: Any) -> Any:
        clock.now += 0.03 + clock.per_sample * self.samples
        return first_order(self)

    monkeypatch.setattr(timing, "process_time", clock)
    monkeypatch.setattr(timing, "run_probes", timed)
    monkeypatch.setattr(NativeOperator, "first_order", timed_pass)
    return clock


def test_seconds_per_sample_step_and_pass(clock: Clock) -> None:
    """Passes of many samples take as long as those of few here."""
    one = cell(4, batch={"size": 8})
    found = pace(one, "cpu")
    assert found.training == pytest.approx(0.01 / 8)
    assert found.gradients == pytest.approx(1)
    assert (found.finishing, found.passing) == pytest.approx((0, 0.03))
    assert found.parameters == one.parameters
    assert found.megabytes > 20


def test_what_a_run_begins_with_is_no_step(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call takes a second before its first step."""

    def begun(*given: Any, **keys: Any) -> Any:
        runs = run_probes(*given, **keys)
        clock.now += 1.0 + 0.01 * sum(one.steps for one in runs)
        return runs

    monkeypatch.setattr(timing, "run_probes", begun)
    assert pace(cell(4, batch={"size": 8}), "cpu").training == pytest.approx(0.01 / 8)


def test_a_full_batch_is_all_samples(clock: Clock) -> None:
    one = cell(4, optimizer={"name": "gd", "lr": 0.1})
    n = round(expected_emc50(one))
    assert pace(one, "cpu").training == pytest.approx(0.01 / n)


def test_a_pass_of_many_samples_takes_longer(clock: Clock) -> None:
    """A part that is the same for all, and one for each sample."""
    clock.per_sample = 1e-3
    found = pace(cell(40, batch={"size": 8}), "cpu")
    assert (found.finishing, found.passing) == pytest.approx((1e-3, 0.03), rel=1e-6)


def test_what_is_never_finished_takes_no_time_for_it(clock: Clock) -> None:
    one = cell(finish={"iterations": 0}, search={"aim": "budget"})
    found = pace(one, "cpu")
    assert (found.finishing, found.passing) == (0, 0)


@pytest.mark.slow
def test_a_process_of_its_own_tries_cells() -> None:
    cnn = {"dataset": "digits", "architecture": {"name": "cnn", "depth": 1, "width": 2}}
    refused = cell(4, **cnn).knowing(cell().facts)
    *found, none = time_cells([cell(4), cell(9), refused], "cpu", seconds=1000)
    assert none == TimedCell(
        None, "architecture: 'cnn': expected images (channels, height, width), found inputs (6,)"
    )
    assert [one.pace and one.pace.parameters for one in found] == [
        cell(4).parameters,
        cell(9).parameters,
    ]
    assert all(one.pace and one.pace.training > 0 and one.pace.starting > 0 for one in found)


@pytest.mark.slow
def test_nets_that_torch_trains_take_no_memory_from_those_before_them() -> None:
    alone, beside, of_torch = [
        one.pace.megabytes
        for cells in ([cell(4)], [cell(4), cell(4, optimizer={"name": "sam", "lr": 0.1})])
        for one in time_cells(cells, "cpu", seconds=1000)
        if one.pace
    ]
    assert beside == pytest.approx(alone, rel=0.2)
    assert of_torch > beside + 100


@pytest.mark.slow
def test_the_first_cell_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Longer than for all: what it compiles would be lost, at each call again."""
    monkeypatch.setattr(timing, "_PATIENCE", 1e-6)
    (found,) = time_cells([cell(4)], "cpu", seconds=1000)
    assert found.pace is not None
    monkeypatch.setattr(timing, "_FIRST", 0.0)
    assert list(time_cells([cell(4)], "cpu", seconds=1000)) == [TimedCell(None)]


def test_timing_runs_end_once_their_time_is_spent() -> None:
    """Starting takes longer than that."""
    assert list(time_cells([cell(4), cell(9)], "cpu", seconds=0.01)) == [TimedCell(None)] * 2
