"""How the epochs of a stack run on the device."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from emc.engine.epoch import EpochSteps
from emc.engine.stacked.stack import Stack
from emc.engine.stacked.step import CHUNK_ROWS, Step


def on_device(array: np.ndarray, device: torch.device) -> Tensor:
    """A copy on the device, which nobody waits for; on the processor the array itself."""
    tensor = torch.from_numpy(array)
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


class Runner:
    """Takes the steps of an epoch one after another, as `Step` says.

    Back ends that need fixed shapes, or prepare the steps of a stack, override parts of it.
    """

    def __init__(self, step: Step) -> None:
        """Take the steps to run."""
        self.step = step
        self._train: Callable[..., Tensor] = step.train
        self._correct: Callable[..., Tensor] = step.correct
        self._last_failed = 0

    def height(self, replicas: int) -> int:
        """Rows of the stack that hold a number of `replicas`."""
        return replicas

    def width(self, rows: int, *, full_batch: bool) -> int:  # noqa: ARG002
        """Rows of a step that hold a batch of `rows` samples, which are all where `full_batch`."""
        return rows

    def train(self, stack: Stack, epoch: EpochSteps) -> Tensor:
        """Take the steps of an epoch in place; returns the batch losses [steps, K]."""
        self.step.net.template.train()
        device = stack.weights.device
        samples, sizes = (on_device(array, device) for array in (epoch.samples, epoch.sizes))
        scalars = torch.from_numpy(epoch.scalars)
        if not self.step.decomposes:
            scalars = on_device(epoch.scalars, device)
        return torch.stack(
            [
                self.train_step(stack, own, size, numbers)
                for own, size, numbers in zip(samples, sizes, scalars, strict=True)
            ]
        )

    def train_step(self, stack: Stack, samples: Tensor, sizes: Tensor, scalars: Tensor) -> Tensor:
        """One step in place on samples [K, batch], as `EpochSteps` has them; its losses [K]."""
        x, labels = stack.batch(samples)
        return self._train(stack.weights, x, labels, sizes, scalars, *stack.rest)

    def rows_at_once(self, stack: Stack) -> int:
        """Samples of each replica that an evaluation looks at in one go."""
        return min(CHUNK_ROWS, stack.rows.shape[1])

    def correct(self, stack: Stack, needed: Tensor) -> Tensor:
        """Samples of each replica that are classified rightly in evaluation mode, int64 [K].

        Where no replica has as many as it `needed` [K], the count stops once that is clear, with
        any smaller numbers; it starts where it last stopped.
        """
        self.step.net.template.eval()
        most = stack.counts.clone()
        starts = self.starts(stack)
        begin = self._last_failed % len(starts)
        for place in (*range(begin, len(starts)), *range(begin)):
            most -= self.wrong(stack, starts[place])
            if len(starts) > 1 and bool((most < needed).all()):
                self._last_failed = place
                break
        return most

    def starts(self, stack: Stack) -> range:
        """The first samples of what an evaluation looks at in one go."""
        return range(0, stack.rows.shape[1], self.rows_at_once(stack))

    def wrong(self, stack: Stack, start: int) -> Tensor:
        """Samples of each replica, of those from `start` on, that are classified wrongly [K]."""
        x, labels, sizes = stack.chunk(start, self.rows_at_once(stack))
        return sizes - self._correct(stack.weights, x, labels, sizes, *stack.constants)

    def preparation(self) -> float:
        """Seconds that were spent so far on what serves all stacks, such as programs."""
        return 0.0

    def forget(self) -> None:
        """Let go of what was prepared for a stack."""
