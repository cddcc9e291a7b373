"""A call that is killed at every epoch's end, and goes on each time from what it has saved."""

import json
from collections.abc import Callable, Sequence

import numpy as np

from emc.engine.checkpoint import Checkpoints, Snapshot
from emc.engine.procedure import TrainedRun


class Killed(Exception):
    """Stands for the death of the process."""


class EveryEpoch:
    """Saves at every epoch's end, as bytes would be, and dies of it where `at` says so."""

    def __init__(self, at: Callable[[int], bool]) -> None:
        self._at = at
        self._saved: tuple[str, dict[str, np.ndarray]] | None = None
        self.saves = 0

    def load(self) -> Snapshot | None:
        if self._saved is None:
            return None
        facts, arrays = self._saved
        return Snapshot(json.loads(facts), {name: a.copy() for name, a in arrays.items()})

    def due(self) -> bool:
        return True

    def save(self, snapshot: Snapshot) -> None:
        arrays = {name: np.array(array) for name, array in snapshot.arrays.items()}
        self._saved = (json.dumps(snapshot.facts), arrays)
        self.saves += 1
        if self._at(self.saves):
            raise Killed


def to_the_end(call: Callable[[Checkpoints], list[TrainedRun]]) -> tuple[list[TrainedRun], int]:
    """Call again and again, killed at every epoch's end; the runs, and how often it was killed."""
    kept = EveryEpoch(lambda _: True)
    while True:
        try:
            return call(kept), kept.saves
        except Killed:
            assert kept.saves < 1000


def assert_same_bits(found: Sequence[TrainedRun], expected: Sequence[TrainedRun]) -> None:
    """Equal to the last digit in all but seconds."""
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        for name in TrainedRun.__dataclass_fields__:
            if name not in {"seconds", "parameters", "epoch_losses"}:
                np.testing.assert_equal(getattr(one, name), getattr(other, name), err_msg=name)
        np.testing.assert_array_equal(one.epoch_losses, other.epoch_losses)
        assert one.parameters.keys() == other.parameters.keys()
        for name, values in one.parameters.items():
            np.testing.assert_array_equal(values, other.parameters[name], err_msg=name)
