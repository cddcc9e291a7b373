"""Steps and evaluations of one stack as CUDA graphs: captured once, replayed every step.

A small net's step is dozens of kernels that take less time than their launches; a graph launches
them at once. It reads and writes fixed addresses: an epoch's batches are copied to buffers, and a
counter on the device tells each replay which step it is.
"""

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

from emc.engine.epoch import EpochSteps
from emc.engine.stacked.program import giving_way
from emc.engine.stacked.runner import Runner, on_device
from emc.engine.stacked.stack import Stack

_WARM_UPS = 2
"""Runs before the capture, in which libraries allocate and kernels compile."""


def captured(body: Callable[[], None]) -> torch.cuda.CUDAGraph:
    """A graph of what `body` does on the device; it runs `_WARM_UPS` times beforehand.

    Raises:
        UnavailableError: it cannot be captured.
    """
    aside = _aside()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(_WARM_UPS):
            body()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with giving_way("a step cannot be captured as a CUDA graph"), torch.cuda.graph(graph):
        body()
    return graph


@cache
def _aside() -> torch.cuda.Stream:
    """One stream for all warm-ups: cuBLAS keeps a workspace for each that it has seen."""
    return torch.cuda.Stream()  # type: ignore[no-untyped-call]


class TrainGraph:
    """A training step of a stack, for epochs of up to `steps` steps of `width` rows."""

    def __init__(self, runner: Runner, stack: Stack, epoch: EpochSteps, steps: int) -> None:
        """Capture the step; the warm-up has empty batches, which leave the stack as it is."""
        self._steps = steps
        self._runner, self._stack = runner, stack
        device = stack.weights.device
        self._buffers = [
            torch.from_numpy(array).new_zeros((steps, *array.shape[1:]), device=device)
            for array in (epoch.samples, epoch.sizes, epoch.scalars)
        ]
        self._losses = torch.zeros(steps, stack.height, device=device)
        self._step = torch.zeros(1, dtype=torch.int64, device=device)
        self._graph = captured(self._take_step)

    def run(self, epoch: EpochSteps) -> Tensor:
        """Take the steps of an epoch; returns the batch losses [steps, K]."""
        steps = len(epoch.sizes)
        arrays = (epoch.samples, epoch.sizes, epoch.scalars)
        for buffer, array in zip(self._buffers, arrays, strict=True):
            buffer[:steps].copy_(on_device(array, buffer.device))
        self._step.zero_()
        for _ in range(steps):
            self._graph.replay()
        return self._losses[:steps]

    def _take_step(self) -> None:
        samples, sizes, scalars = (
            buffer.index_select(0, self._step).squeeze(0) for buffer in self._buffers
        )
        losses = self._runner.train_step(self._stack, samples, sizes, scalars)
        self._losses.index_copy_(0, self._step, losses[None])
        self._step.add_(1).remainder_(self._steps)


class CorrectGraph:
    """The evaluation of a stack."""

    def __init__(self, correct: Callable[[Stack], Tensor], stack: Stack) -> None:
        """Capture what `correct` does on the device."""
        self._correct, self._stack = correct, stack
        self._counts = torch.zeros_like(stack.counts)
        self._graph = captured(self._count)

    def run(self) -> Tensor:
        """Samples of each replica that are classified rightly, int64 [K]."""
        self._graph.replay()
        return self._counts

    def _count(self) -> None:
        self._counts.copy_(self._correct(self._stack))
