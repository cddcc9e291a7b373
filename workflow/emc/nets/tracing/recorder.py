"""The steps of a computation while it is recorded."""

from math import prod
from typing import Final

import numpy as np
import torch

from emc.nets.graph import ZERO, GraphStep, Taken
from emc.nets.tracing.untraceable import UntraceableError

_MOST_PLACES: Final = 1_000_000
"""Numbers per sample beyond which kernels would gain nothing, and tables would be large."""


class Recorder:
    """Takes steps, one after the other."""

    def __init__(self, inputs: int, *, training: bool) -> None:
        """Record the steps of a net that takes `inputs` numbers per sample, in one of its modes."""
        self.training = training
        self.steps: list[GraphStep] = []
        self.statistics: dict[str, tuple[int, ...]] = {}
        self._inputs = self._places = inputs
        self._overwritten: list[np.ndarray] = []

    def add(self, step: GraphStep, *read: np.ndarray) -> np.ndarray:
        """The places of what a step makes, [size], of numbers that it reads at `read`."""
        for places in read:
            self._check_readable(places)
        self.steps.append(step)
        first, self._places = self._places, self._places + step.size
        if self._places > _MOST_PLACES:
            raise UntraceableError(f"it computes more than {_MOST_PLACES:,} numbers per sample")
        return np.arange(first, self._places)

    def keep(self, *names: str, numbers: int) -> int:
        """The first of the running statistics of these names, of `numbers` numbers each."""
        first = sum(map(prod, self.statistics.values()))
        for name in names:
            if name in self.statistics:
                raise UntraceableError(f"{name!r} is used more than once")
            self.statistics[name] = (numbers,)
        return first

    def computed(self, places: np.ndarray) -> np.ndarray:
        """Places of the same numbers where no parameter and no zero is among them."""
        if places.size and places.min() > ZERO:
            return places
        return self.add(Taken(places.ravel()), places).reshape(places.shape)

    def overwrite(self, places: np.ndarray) -> None:
        """Note that these numbers are gone: the next step takes its memory from them."""
        if not places.size or places.min() <= ZERO:
            raise UntraceableError("it changes a parameter in place")
        if places.min() < self._inputs:
            raise UntraceableError("it changes its inputs in place")
        self._overwritten.append(places)

    def _check_readable(self, places: np.ndarray) -> None:
        check_mode()
        if any(np.isin(places, gone).any() for gone in self._overwritten):
            raise UntraceableError("it reads numbers after an operation in place has changed them")


def check_mode() -> None:
    """See that torch takes gradients, and computes in float32."""
    if not torch.is_grad_enabled() or torch.is_inference_mode_enabled():
        raise UntraceableError("it computes without gradients")
    if torch.is_autocast_enabled("cpu"):
        raise UntraceableError("it computes under autocast")
