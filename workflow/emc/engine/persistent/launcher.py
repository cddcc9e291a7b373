"""Launches of a kernel, of one call's trainings or of several calls'."""

from collections.abc import Sequence
from ctypes import sizeof
from dataclasses import dataclass
from itertools import islice
from time import perf_counter
from typing import NamedTuple

import numpy as np

from emc.engine.persistent.launch import Arena, Launch, Program, Training, bytes_of
from emc.engine.persistent.placement import Placement


class BlockKernel(NamedTuple):
    """A compiled kernel, and how its blocks train."""

    placement: Placement
    program: Program


class Launcher:
    """Launches a kernel; what a launch takes lies in a call's memory."""

    def __init__(self, kernel: BlockKernel, arena: Arena, blocks: int, most: int) -> None:
        """Make room for `most` trainings, and for those of their numbers that blocks cannot hold.

        Raises:
            MemoryError: there is none.
        """
        self.kernel, self._arena, self._blocks = kernel, arena, blocks
        self._queue = arena.room(4)
        outside = kernel.placement.outside
        self._workspace = arena.room(4 * outside * blocks) if outside else None
        self._make_room(most)

    def launch(self, trainings: Sequence[Training], steps: int) -> list[Training]:
        """Each of them after so many steps more, or after its end."""
        if len(trainings) > self._most:
            self._make_room(2 * len(trainings))
        records = bytes_of(trainings)
        self._arena.put(self._records, records)
        self._arena.put(self._queue, np.zeros(1, np.int32))
        placement, program = self.kernel
        launch = Launch(
            replicas=self._records,
            count=len(trainings),
            queue=self._queue,
            steps=steps,
            workspace=self._workspace,
            order_room=placement.order_room,
        )
        program.launch(launch, min(self._blocks, len(trainings)), placement.block_memory)
        self._arena.get(self._records, records)
        return [*(Training * len(trainings)).from_buffer_copy(records.tobytes())]

    def _make_room(self, most: int) -> None:
        self._records, self._most = self._arena.room(most * sizeof(Training)), most


class Launched(NamedTuple):
    """Trainings after a launch that took some seconds; `share` are those of each that it made."""

    trainings: Sequence[Training]
    steps: int
    seconds: float
    share: float


@dataclass(frozen=True, slots=True)
class BlockSlice:
    """Trainings of a call that are to go on for some steps, as `Slice` says."""

    launcher: Launcher
    trainings: Sequence[Training]
    steps: int

    @property
    def kernel(self) -> str:
        """As `Slice` says."""
        return self.launcher.kernel.program.name

    def launch(self, slices: "Sequence[BlockSlice]") -> list[Launched]:
        """Train all of them, with this one's launcher, for the fewest steps that one asks for."""
        steps = min(one.steps for one in slices)
        given = [each for one in slices for each in one.trainings]
        begun = perf_counter()
        trained = iter(self.launcher.launch(given, steps))
        seconds = perf_counter() - begun
        told = (steps, seconds, seconds / len(given))
        return [Launched([*islice(trained, len(one.trainings))], *told) for one in slices]
