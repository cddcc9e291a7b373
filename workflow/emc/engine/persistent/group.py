"""Replicas in a machine's memory, trained slice by slice."""

from collections.abc import Mapping
from ctypes import sizeof
from functools import cache
from typing import Final

import numpy as np

from emc.engine.checkpoint import Snapshot
from emc.engine.native.kernel import Task, Trained
from emc.engine.native.net import start
from emc.engine.native.task import run_of, task_fields
from emc.engine.persistent.launch import Arena, Standing, Training, bytes_of, placed
from emc.engine.persistent.launcher import BlockKernel, BlockSlice, Launched, Launcher
from emc.engine.persistent.placement import Placement
from emc.engine.procedure import Procedure, Replica, TrainedRun
from emc.engine.schedule import learning_rates, steps_of_budget
from emc.engine.slices import InSlices

_SLICE_SECONDS: Final = 0.3
"""How long a launch should take: then signals are handled and checkpoints saved."""
_FIRST_STEPS: Final = 256


def memory_of(procedure: Procedure, asked: Replica, placement: Placement) -> int:
    """Bytes of the arrays that a replica has for itself; its rates may be others', too."""
    numbers = 24 * placement.size
    samples = 16 * asked.n + 4 * _places(procedure, asked)
    budget = 8 * _epochs(procedure, asked) + 8 * steps_of_budget(procedure, asked.n)
    return sizeof(Training) + numbers + samples + budget


class Group:
    """Replicas that are trained together, by their number in the call."""

    def __init__(
        self,
        procedure: Procedure,
        asked: Mapping[int, Replica],
        kernel: BlockKernel,
        arena: Arena,
        blocks: int,
    ) -> None:
        """Put the replicas into the machine's memory at their initial weights.

        Raises:
            MemoryError: they do not fit.
        """
        self._procedure, self._asked, self._placement = procedure, asked, kernel.placement
        self._program, self._arena = kernel.program, arena
        self._steps = _FIRST_STEPS
        self._rates = cache(self._put_rates)
        pools = {id(each.inputs): each.inputs for each in asked.values()}
        self._inputs = {key: placed(arena, inputs) for key, inputs in pools.items()}
        self._starts = {number: start(procedure, each.seed) for number, each in asked.items()}
        self._replicas = {number: self._replica(number) for number in asked}
        self._seconds = dict.fromkeys(asked, 0.0)
        self._launcher = Launcher(kernel, arena, blocks, len(asked))

    @property
    def under_way(self) -> list[int]:
        """Numbers of the replicas that have not ended."""
        return [number for number, each in self._replicas.items() if not each.progress.ended]

    def advance(self) -> InSlices[dict[int, TrainedRun]]:
        """Train on for a slice; returns the runs that ended in it."""
        live = self.under_way
        trainings = [self._replicas[number] for number in live]
        done: Launched = yield BlockSlice(self._launcher, trainings, self._steps)
        self._replicas.update(zip(live, done.trainings, strict=True))
        self._count(live, done)
        return {number: self._run(number) for number in live if number not in self.under_way}

    def snapshot(self) -> Snapshot:
        """Where the replicas under way stand."""
        numbers = self.under_way
        records = bytes_of([self._replicas[number].progress for number in numbers])
        seconds = [self._seconds[number] for number in numbers]
        facts = {"kernel": self._program.name, "group": numbers, "seconds": seconds}
        arrays = {f"numbers-{number}": self._numbers(number) for number in numbers}
        losses = {f"losses-{number}": self._losses(number) for number in numbers}
        return Snapshot(facts, {"progress": records, **arrays, **losses})

    def take_up(self, kept: Snapshot) -> None:
        """Go on from a snapshot of this group."""
        numbers, seconds = kept.facts["group"], kept.facts["seconds"]
        records = (Standing * len(numbers)).from_buffer_copy(kept.arrays["progress"].tobytes())
        for number, progress, spent in zip(numbers, records, seconds, strict=True):
            replica = self._replicas[number]
            replica.progress, self._seconds[number] = progress, spent
            self._arena.put(replica.numbers, kept.arrays[f"numbers-{number}"])
            self._arena.put(replica.epoch_losses, kept.arrays[f"losses-{number}"])

    def _replica(self, number: int) -> Training:
        asked, put = self._asked[number], self._arena
        parameters = np.concatenate([each.ravel() for each in self._starts[number].values()])
        task = Task(
            inputs=self._inputs[id(asked.inputs)],
            rows=placed(put, np.ascontiguousarray(asked.rows, np.int64)),
            labels=placed(put, np.ascontiguousarray(asked.labels, np.int64)),
            parameters=placed(put, parameters),
            rates=self._rates(asked.n, asked.lr),
            **task_fields(self._procedure, asked),
        )
        places = _places(self._procedure, asked)
        replica = Training(
            task=task,
            numbers=put.room(16 * self._placement.size),
            end=put.room(parameters.nbytes),
            epoch_losses=put.room(8 * _epochs(self._procedure, asked)),
            order=put.room(4 * places) if places > self._placement.order_room else None,
        )
        replica.progress.result.finite = 1
        return replica

    def _put_rates(self, n: int, lr: float) -> int:
        return placed(self._arena, learning_rates(self._procedure, n, lr))

    def _count(self, live: list[int], done: Launched) -> None:
        """Add each one's share of the time, and let the next launch take as long as one should."""
        for number in live:
            self._seconds[number] += done.share
        factor = min(4.0, max(0.25, _SLICE_SECONDS / max(done.seconds, 1e-6)))
        self._steps = max(1, int(done.steps * factor))

    def _numbers(self, number: int) -> np.ndarray:
        return self._got(
            self._replicas[number].numbers, np.empty(4 * self._placement.size, np.float32)
        )

    def _losses(self, number: int) -> np.ndarray:
        replica = self._replicas[number]
        return self._got(replica.epoch_losses, np.empty(replica.progress.result.epochs))

    def _got(self, address: int, array: np.ndarray) -> np.ndarray:
        self._arena.get(address, array)
        return array

    def _run(self, number: int) -> TrainedRun:
        replica, starts = self._replicas[number], self._starts[number]
        end = np.empty(sum(each.size for each in starts.values()), np.float32)
        trained = Trained(
            replica.progress.result, self._losses(number), self._got(replica.end, end)
        )
        return run_of(
            self._procedure,
            self._asked[number].n,
            trained,
            starts,
            back_end="persistent",
            seconds=self._seconds[number],
        )


def _places(procedure: Procedure, asked: Replica) -> int:
    """Places of an order: a permutation and a batch."""
    batch = asked.n if procedure.batch is None else min(procedure.batch, asked.n)
    return asked.n + batch


def _epochs(procedure: Procedure, asked: Replica) -> int:
    """Epochs that a replica can begin."""
    if procedure.epochs is not None:
        return procedure.epochs
    batch = _places(procedure, asked) - asked.n
    return steps_of_budget(procedure, asked.n) * batch // asked.n + 1
