"""The fastest back end, found by a timing run; the clock is the test's own."""

import time
from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from tests.unit.engine.cases import TokenNet, procedure, replicas

from emc.engine import choose, run_probes
from emc.engine.back_end import BackEnd
from emc.engine.choose import back_end, prefer, settle
from emc.engine.fastest import clock_of, fastest, worth_a_trial
from emc.engine.procedure import Procedure, Replica, TrainedRun, Update
from emc.engine.stacked.compiled import Compiled
from emc.errors import EmcError
from emc.native.unavailable import UnavailableError

LONG = procedure(layers=None, module=TokenNet, epochs=None, steps=20_000)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Timed:
    """A back end that takes so long to begin, and so long per step."""

    def __init__(self, name: str, clock: Clock, begin: float, step: float) -> None:
        self.name, self._clock, self._begin, self._step = name, clock, begin, step
        self.steps: list[int] = []

    def refuses(self, asked: Procedure) -> str | None:
        return None

    def run(
        self, asked: Procedure, given: Sequence[Replica], kept: object = None
    ) -> list[TrainedRun]:
        assert asked.steps is not None
        self.steps.append(asked.steps)
        self._clock.now += self._begin + self._step * asked.steps
        return []


class Unable(Timed):
    def run(
        self, asked: Procedure, given: Sequence[Replica], kept: object = None
    ) -> list[TrainedRun]:
        raise UnavailableError("not to be had")


def test_the_time_to_begin_does_not_count() -> None:
    clock = Clock()
    slow = Timed("slow", clock, begin=0.0, step=0.003)
    fast = Timed("fast", clock, begin=50.0, step=0.002)
    assert fastest([slow, fast], None, LONG, replicas([8]), clock) is fast
    assert slow.steps == [1, 1, 4, 16, 64, 256]


def test_at_a_tie_the_first_is_taken() -> None:
    clock = Clock()
    candidates = [Timed(name, clock, 0.0, 0.25) for name in ("one", "other")]
    assert fastest(candidates, None, LONG, replicas([8]), clock) is candidates[0]


def test_a_processor_that_is_busy_makes_no_one_fast() -> None:
    """Something else holds up the first, shorter run: less than no time is left for a step."""

    class HeldUp(Timed):
        def run(
            self, asked: Procedure, given: Sequence[Replica], kept: object = None
        ) -> list[TrainedRun]:
            self._clock.now += 500.0 * (len(self.steps) == 1)
            return super().run(asked, given, kept)

    clock = Clock()
    slow, fast = HeldUp("slow", clock, 0.0, 0.03), Timed("fast", clock, 0.0, 0.02)
    assert fastest([slow, fast], None, LONG, replicas([8]), clock) is fast


def test_the_clock_is_that_of_the_process_where_it_computes_alone() -> None:
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        assert clock_of("cpu") is time.process_time
        assert clock_of("cuda") is time.perf_counter
        torch.set_num_threads(2)
        assert clock_of("cpu") is time.perf_counter
    finally:
        torch.set_num_threads(threads)


def test_one_that_turns_out_unable_is_left_out() -> None:
    clock = Clock()
    unable, able = Unable("unable", clock, 0.0, 0.0), Timed("able", clock, 0.0, 1.0)
    assert fastest([unable, able], None, LONG, replicas([8]), clock) is able
    assert fastest([able], unable, LONG, replicas([8]), clock) is able


@pytest.mark.parametrize(("steps", "tried"), [(5_000, False), (7_000, True)])
def test_what_has_to_be_compiled_is_tried_where_others_take_longer(steps: int, tried: bool) -> None:
    """A step of 10 ms: a minute is 6,000 of them."""
    clock = Clock()
    plain, compiled = Timed("plain", clock, 0, 0.01), Timed("compiled", clock, 30, 0.001)
    found = fastest([plain], compiled, replace(LONG, steps=steps), replicas([8]), clock)
    assert bool(compiled.steps) == tried
    assert found is (compiled if tried else plain)


def test_a_users_mistake_is_told() -> None:
    class Failing(Timed):
        def run(
            self, asked: Procedure, given: Sequence[Replica], kept: object = None
        ) -> list[TrainedRun]:
            raise EmcError("labels out of range")

    with pytest.raises(EmcError, match="labels out of range"):
        fastest([Failing("one", Clock(), 0, 0)], None, LONG, replicas([8]), Clock())


def test_what_is_over_in_moments_needs_no_trial() -> None:
    assert worth_a_trial(LONG, replicas([8, 9, 10]))
    assert not worth_a_trial(LONG, replicas([8, 9]))
    assert not worth_a_trial(procedure(), replicas([8]))


@pytest.fixture
def trials(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The names that each timing run compares; the last of them wins."""
    seen: list[list[str]] = []

    def last(candidates: Sequence[BackEnd], compiled: BackEnd | None, *_: object) -> BackEnd:
        seen.append([one.name for one in (*candidates, *([compiled] if compiled else []))])
        return candidates[-1]

    monkeypatch.setattr(choose, "fastest", last)
    return seen


def test_what_a_trial_found_trains_from_then_on(trials: list[list[str]]) -> None:
    settle(LONG, replicas([8, 9, 10]), "cpu")
    assert trials == [["vmap", "sequential", "compiled"]]
    assert back_end(LONG, "cpu").name == "sequential"
    short = replace(LONG, steps=3)
    assert [run.back_end for run in run_probes(short, replicas([8]))] == ["sequential"]
    assert back_end(LONG, "cpu", forced="vmap").name == "vmap"
    assert back_end(procedure(), "cpu").name == "native"


def test_kernels_and_short_runs_need_none(trials: list[list[str]]) -> None:
    settle(procedure(epochs=None, steps=10**6), replicas([8]), "cpu")
    settle(replace(LONG, steps=5), replicas([8]), "cpu")
    assert trials == []


def test_a_choice_is_for_one_optimizer_and_loss() -> None:
    """Else kernels would stand aside for all optimizers, once they did for one."""
    prefer(LONG, "cpu", "sequential")
    assert back_end(replace(LONG, steps=7), "cpu").name == "sequential"
    assert back_end(replace(LONG, update=Update("adam")), "cpu").name == "vmap"
    assert back_end(replace(LONG, loss="squared-error"), "cpu").name == "vmap"


def test_a_choice_that_cannot_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    short = replace(LONG, steps=3)
    prefer(short, "cpu", "compiled")
    monkeypatch.setattr(Compiled, "refuses", lambda *_: "not here")
    assert back_end(short, "cpu").name == "vmap"


def test_runs_are_the_same_whichever_is_chosen() -> None:
    asked = procedure(layers=None, module=TokenNet, epochs=3)
    ours = run_probes(asked, replicas([8, 12]))
    prefer(asked, "cpu", "sequential")
    theirs = run_probes(asked, replicas([8, 12]))
    assert [run.back_end for run in (*ours, *theirs)] == ["vmap"] * 2 + ["sequential"] * 2
    for one, same in zip(ours, theirs, strict=True):
        assert (one.steps, one.accuracy) == (same.steps, same.accuracy)
        assert one.loss == pytest.approx(same.loss, rel=1e-4)
