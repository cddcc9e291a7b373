"""The step of `vmap`, compiled for a few fixed shapes; on a GPU also captured as CUDA graphs.

Compiling takes 10 to 40 seconds per shape, once; the programs live as long as the back end.
"""

from collections.abc import Hashable, Sequence

import torch
from torch import Tensor

from emc.engine.checkpoint import Ledger
from emc.engine.epoch import EpochSteps
from emc.engine.procedure import Procedure, Replica
from emc.engine.stacked.graphs import CorrectGraph, TrainGraph
from emc.engine.stacked.program import Programs
from emc.engine.stacked.runner import Runner
from emc.engine.stacked.stack import Stack
from emc.engine.stacked.step import CHUNK_ROWS, Step
from emc.engine.stacked.vmap import FEW_ROWS, Vmap
from emc.native.build import folder_of_programs
from emc.nets.fragile import compiled_once


class Compiled(Vmap):
    """Trains what `Vmap` trains, by programs that torch.compile makes of the same step.

    A program serves one shape. Where torch cannot compile or capture a step, the run ends with an
    UnavailableError; where it would compile a program anew, or go on without it, with torch's own.
    """

    name = "compiled"

    def __init__(self, device: str) -> None:
        """Train on `device`, "cpu" or "cuda"."""
        super().__init__(device)
        self._runners: dict[Hashable, Runner] = {}

    def refuses(self, procedure: Procedure) -> str | None:
        """Why no program can be made of the replicas' step, or None."""
        if procedure.optimizer.decomposes:
            return f"{procedure.update.name!r} decomposes matrices in some of its steps only"
        return super().refuses(procedure)

    def _run(self, procedure: Procedure, replicas: Sequence[Replica], ledger: Ledger) -> None:
        with compiled_once(folder_of_programs("inductor")):
            super()._run(procedure, replicas, ledger)

    def _runner(self, procedure: Procedure, x: Tensor) -> Runner:
        """The procedure's programs, shared by all procedures whose step is the same."""
        recipe = (
            procedure.layers,
            procedure.module,
            procedure.classes,
            procedure.update,
            procedure.loss,
            procedure.label_smoothing,
        )
        if recipe not in self._runners:
            kind = GraphRunner if self._device.type == "cuda" else FixedShapeRunner
            self._runners[recipe] = kind(self._step(procedure, x))
        return self._runners[recipe]


class FixedShapeRunner(Runner):
    """Runs programs for stacks whose heights and widths are few."""

    def __init__(self, step: Step) -> None:
        """Take the steps to compile."""
        super().__init__(step)
        self._programs = Programs(step.train), Programs(step.correct)
        self._train, self._correct = self._programs

    def preparation(self) -> float:
        """Seconds of making programs so far: they serve later stacks, too."""
        return sum(each.seconds for each in self._programs)

    def height(self, replicas: int) -> int:
        """The next power of two."""
        return 1 << (replicas - 1).bit_length()

    def rows_at_once(self, stack: Stack) -> int:  # noqa: ARG002
        """The same for all."""
        return CHUNK_ROWS

    def width(self, rows: int, *, full_batch: bool) -> int:  # noqa: ARG002
        """The next of 4, 5, 6 or 7 times a power of two: a quarter more at most."""
        grain = 1 << max((rows - 1).bit_length() - 3, 0)
        return -(-rows // grain) * grain


class GraphRunner(FixedShapeRunner):
    """Replays programs from CUDA graphs, captured for one stack at a time."""

    def __init__(self, step: Step) -> None:
        """Take the steps to compile."""
        super().__init__(step)
        self._stack: Stack | None = None
        self._training: TrainGraph | None = None
        self._counting: CorrectGraph | None = None

    def height(self, replicas: int) -> int:
        """The next power of four: rows that idle cost less than one more program."""
        return 1 << -(-(replicas - 1).bit_length() // 2 * 2)

    def width(self, rows: int, *, full_batch: bool) -> int:
        """Of full batches the next power of two, from `FEW_ROWS`: each n is another batch."""
        if not full_batch:
            return super().width(rows, full_batch=False)
        return max(FEW_ROWS, 1 << (rows - 1).bit_length())

    def train(self, stack: Stack, epoch: EpochSteps) -> Tensor:
        """Take the steps of an epoch in place; returns the batch losses [steps, K]."""
        self._turn_to(stack)
        if self._training is None:
            self.step.net.template.train()
            # A stream's epochs differ by one step, and this one may be a shorter one.
            self._training = TrainGraph(self, stack, epoch, len(epoch.sizes) + 1)
        return self._training.run(epoch)

    def correct(self, stack: Stack, needed: Tensor) -> Tensor:  # noqa: ARG002
        """Samples of each replica that are classified rightly in evaluation mode, int64 [K].

        All are counted: a graph does not stop.
        """
        self._turn_to(stack)
        if self._counting is None:
            self._counting = CorrectGraph(self._count, stack)
        return self._counting.run()

    def _count(self, stack: Stack) -> Tensor:
        self.step.net.template.eval()
        wrong = torch.stack([self.wrong(stack, start) for start in self.starts(stack)])
        return stack.counts - wrong.sum(0)

    def forget(self) -> None:
        """Let go of the graphs and of the stack whose memory they use."""
        self._stack = self._training = self._counting = None

    def _turn_to(self, stack: Stack) -> None:
        if stack is not self._stack:
            self.forget()
            self._stack = stack
