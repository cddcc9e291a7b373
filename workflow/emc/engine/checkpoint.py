"""Where a call of the engine stands, so that a killed one can go on: no torch and no files here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from emc.engine.procedure import TrainedRun
from emc.records import Run
from emc.records.column import from_row, row


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Facts that JSON can hold, keys as text, and arrays by name."""

    facts: dict[str, Any]
    arrays: dict[str, np.ndarray]

    @classmethod
    def of(cls, parts: "Mapping[str, Snapshot]") -> "Snapshot":
        """Several as one, by names without a slash."""
        return cls(
            {name: part.facts for name, part in parts.items()},
            {f"{name}/{key}": a for name, part in parts.items() for key, a in part.arrays.items()},
        )

    def parts(self) -> "dict[str, Snapshot]":
        """What `of` was given."""
        return {
            name: Snapshot(facts, _below(f"{name}/", self.arrays))
            for name, facts in self.facts.items()
        }


class Checkpoints(Protocol):
    """Where a call keeps what it has reached, and where the same call finds it again."""

    def load(self) -> Snapshot | None:
        """What was saved last."""

    def due(self) -> bool:
        """Whether to save at the end of this epoch."""

    def save(self, snapshot: Snapshot) -> None:
        """Keep this instead of what was saved before; a request to stop is raised from here."""


class NoCheckpoints:
    """For calls that begin anew when they are killed."""

    def load(self) -> Snapshot | None:
        """Nothing."""
        return None

    def due(self) -> bool:
        """Never."""
        return False

    def save(self, snapshot: Snapshot) -> None:
        """Keep nothing."""


NO_CHECKPOINTS = NoCheckpoints()


class Ledger:
    """The runs of a call that are over, by replica, and what is under way."""

    def __init__(self, checkpoints: Checkpoints, back_end: str) -> None:
        """Take up what this back end has saved; another's is left alone."""
        self.runs: dict[int, TrainedRun] = {}
        self._under_way: Snapshot | None = None
        self._checkpoints, self.back_end = checkpoints, back_end
        kept = checkpoints.load()
        if kept is not None and kept.facts["back_end"] == back_end:
            self._take_up(kept)

    def take_under_way(self) -> Snapshot | None:
        """Where the replicas stood that were in training; None when asked again."""
        kept, self._under_way = self._under_way, None
        return kept

    def save_if_due(self, under_way: Callable[[], Snapshot | None]) -> None:
        """Save at an epoch's end, if it is time, what is over and what is under way."""
        if self._checkpoints.due():
            self._checkpoints.save(self._snapshot(under_way()))

    def in_order(self) -> list[TrainedRun]:
        """All runs, once they are over."""
        return [self.runs[number] for number in sorted(self.runs)]

    def keep(self, runs: Sequence[TrainedRun]) -> None:
        """Save, if it is time, runs that are all over and in the order of their replicas."""
        self.runs = dict(enumerate(runs))
        self.save_if_due(lambda: None)

    def _snapshot(self, under_way: Snapshot | None) -> Snapshot:
        runs = Snapshot.of({str(number): _run_snapshot(run) for number, run in self.runs.items()})
        parts = {"runs": runs, **({} if under_way is None else {"under_way": under_way})}
        joined = Snapshot.of(parts)
        return Snapshot({"back_end": self.back_end, "parts": joined.facts}, joined.arrays)

    def _take_up(self, kept: Snapshot) -> None:
        parts = Snapshot(kept.facts["parts"], kept.arrays).parts()
        self.runs = {int(number): _run(one) for number, one in parts["runs"].parts().items()}
        self._under_way = parts.get("under_way")


def _run_snapshot(run: TrainedRun) -> Snapshot:
    arrays = {f"parameters/{name}": values for name, values in run.parameters.items()}
    return Snapshot(row(run.numbers), {**arrays, "epoch_losses": run.epoch_losses})


def _run(kept: Snapshot) -> TrainedRun:
    return TrainedRun.of(
        from_row(Run, kept.facts),
        epoch_losses=kept.arrays["epoch_losses"],
        parameters=_below("parameters/", kept.arrays),
    )


def _below(prefix: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
