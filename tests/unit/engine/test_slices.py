"""Calls that share launches: each trains as it would alone."""

from collections.abc import Generator, Sequence
from typing import Any

import pytest
from tests.unit.engine.cases import mlp, procedure, replicas
from tests.unit.engine.emulated import Emulated, EmulatedProgram
from tests.unit.engine.interrupted import EveryEpoch, Killed, assert_same_bits

from emc.engine.checkpoint import NO_CHECKPOINTS, Checkpoints
from emc.engine.persistent import Persistent, group
from emc.engine.persistent.launch import Launch
from emc.engine.procedure import Procedure, Replica, TrainedRun, Update
from emc.engine.slices import InSlices, Slice, alone, together
from emc.errors import MachineError


class Watched(EmulatedProgram):
    """A kernel that notes how many trainings each launch has, and fails when it is told to."""

    def __init__(self, code: str) -> None:
        super().__init__(code, backwards=False)
        self.counts: list[int] = []
        self.fails = False

    def launch(self, launch: Launch, blocks: int, block_memory: int) -> None:
        self.counts.append(launch.count)
        if self.fails:
            raise RuntimeError("CUDA_ERROR_ILLEGAL_ADDRESS")
        super().launch(launch, blocks, block_memory)


class WatchedMachine(Emulated):
    def program(self, code: str) -> EmulatedProgram:
        self.programs.append(Watched(code))
        return self.programs[-1]


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices of a step, so that calls take many."""
    monkeypatch.setattr(group, "_FIRST_STEPS", 1)
    monkeypatch.setattr(group, "_SLICE_SECONDS", 1e-9)


Call = tuple[Procedure, list[Replica]]
CALLS: dict[str, Call] = {
    "sgd": (procedure(epochs=4), replicas([40, 21])),
    "adam": (
        procedure(update=Update("adam"), epochs=2, label_smoothing=0.1),
        replicas([9, 33, 40], seed=3),
    ),
    "another net": (procedure(layers=mlp("tanh"), epochs=3), replicas([17])),
}


def in_slices(back_end: Persistent, call: Call, kept: Checkpoints = NO_CHECKPOINTS) -> Any:
    return back_end.in_slices(*call, kept)


def test_calls_that_share_launches_train_as_each_does_alone() -> None:
    machine = WatchedMachine()
    back_end = Persistent(machine)
    given = {name: in_slices(back_end, call) for name, call in CALLS.items()}
    found = dict(together(given))
    for name, call in CALLS.items():
        runs = found[name]
        assert isinstance(runs, list)
        assert_same_bits(runs, Persistent(Emulated()).run(*call))
    shared, other = machine.programs
    assert isinstance(shared, Watched)
    assert isinstance(other, Watched)
    assert max(shared.counts) == 5
    assert max(other.counts) == 1


def test_seconds_of_a_shared_launch_are_counted_once() -> None:
    back_end = Persistent(WatchedMachine())
    given = {str(name): in_slices(back_end, CALLS["sgd"]) for name in range(8)}
    alone(in_slices(back_end, CALLS["sgd"]))  # the kernel is built, and held against the reference
    ticks = iter(range(10_000))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("emc.engine.persistent.launcher.perf_counter", lambda: float(next(ticks)))
        found = dict(together(given))
    runs = [run for each in found.values() if isinstance(each, list) for run in each]
    assert sum(run.seconds for run in runs) == pytest.approx(next(ticks) / 2)


def test_a_call_that_fails_leaves_the_others() -> None:
    back_end = Persistent(WatchedMachine())
    killed = EveryEpoch(lambda saves: saves == 2)
    given = {
        "killed": in_slices(back_end, CALLS["sgd"], killed),
        "whole": in_slices(back_end, CALLS["adam"]),
    }
    ended = list(together(given))
    assert [name for name, _ in ended] == ["killed", "whole"]
    found = dict(ended)
    assert isinstance(found["killed"], Killed)
    assert isinstance(found["whole"], list)
    assert_same_bits(found["whole"], back_end.run(*CALLS["adam"]))


def test_killed_together_again_and_again_each_goes_on_from_its_own_checkpoints() -> None:
    back_end = Persistent(WatchedMachine())
    kept = {name: EveryEpoch(lambda _: True) for name in CALLS}
    over: dict[str, list[TrainedRun]] = {}
    rounds = 0
    while len(over) < len(CALLS):
        left = {name: call for name, call in CALLS.items() if name not in over}
        calls = {name: in_slices(back_end, call, kept[name]) for name, call in left.items()}
        over |= {name: runs for name, runs in together(calls) if isinstance(runs, list)}
        rounds += 1
    for name, call in CALLS.items():
        assert_same_bits(over[name], back_end.run(*call))
    assert rounds >= 4


def test_a_launch_that_fails_is_the_only_calls_fault_or_nobodys() -> None:
    machine = WatchedMachine()
    back_end = Persistent(machine)
    back_end.run(*CALLS["sgd"])
    (program,) = machine.programs
    assert isinstance(program, Watched)
    program.fails = True
    with pytest.raises(RuntimeError, match=r"^CUDA_ERROR_ILLEGAL_ADDRESS$"):
        alone(in_slices(back_end, CALLS["sgd"]))
    calls = {name: in_slices(back_end, CALLS["sgd"]) for name in "ab"}
    for _, error in together(calls):
        assert isinstance(error, MachineError)
        assert str(error) == "a launch that 2 cells shared failed: CUDA_ERROR_ILLEGAL_ADDRESS"


class Part:
    """A slice of no training: launched, it tells its neighbours' names."""

    kernel = "none"

    def __init__(self, name: str) -> None:
        self.name = name

    def launch(self, slices: "Sequence[Part]") -> list[str]:
        return ["".join(one.name for one in slices)] * len(slices)


def of_parts(name: str, parts: int, kind: type[Part] = Part) -> Generator[Slice, str, list[str]]:
    told = []
    for _ in range(parts):
        told.append((yield kind(name)))
    return told


def test_a_launch_that_lacks_memory_for_several_is_made_one_by_one() -> None:
    class Crowded(Part):
        def launch(self, slices: "Sequence[Part]") -> list[str]:
            if len(slices) > 1:
                raise MemoryError("the card has no memory left")
            return super().launch(slices)

    calls = {name: of_parts(name, 2, Crowded) for name in "ab"}
    assert dict(together(calls)) == {"a": ["a", "a"], "b": ["b", "b"]}


def test_others_join_as_long_as_there_is_room() -> None:
    joining = ((name, of_parts(name, 1)) for name in "cde")
    found = list(together({"a": of_parts("a", 3), "b": of_parts("b", 1)}, joining, 3))
    assert dict(found)["a"] == ["abc", "ade", "a"]
    assert sorted(name for name, _ in found) == [*"abcde"]


def test_a_training_shares_launches_with_whatever_still_trains() -> None:
    calls: dict[str, InSlices[list[str]]] = {"a": of_parts("a", 3), "b": of_parts("b", 1)}
    assert list(together(calls)) == [("b", ["ab"]), ("a", ["ab", "a", "a"])]

    assert dict(together({"a": of_parts("a", 0)})) == {"a": []}
    assert alone(of_parts("a", 2)) == ["a", "a"]
