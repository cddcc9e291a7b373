"""The optimizers on stacked parameters, one row a replica, step for step as their references."""

from collections.abc import Sequence
from math import prod
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from emc.engine.procedure import Update
from emc.study.training import DECOUPLED

RATES = 4
"""Numbers that a step needs of a replica: learning rate, step size, root of the correction, and
whether preconditioners are `REFRESHED` or `BEGUN` at its end."""
REFRESHED, BEGUN = 1, 2

Shapes = Sequence[tuple[int, ...]]


class Rule(Protocol):
    """How an optimizer steps on parameters of given shapes, [replicas, parameters] in a row.

    `lengths` has the numbers of each row of its state, which is zero before the first step.
    """

    lengths: tuple[int, ...]

    def __call__(
        self, weights: Tensor, state: list[Tensor], gradient: Tensor, rates: Tensor
    ) -> tuple[Tensor, list[Tensor]]:
        """Weights and state [replicas, length] after a step; `rates` is [replicas, RATES]."""


def coupled_decay(update: Update) -> float:
    """Weight decay that is part of the optimised loss."""
    return 0.0 if update.name in DECOUPLED else update.weight_decay


def step_rates(update: Update, rates: np.ndarray, first: int) -> np.ndarray:
    """What steps `first` (0 is the first of all), ... need, float32 [steps, RATES].

    `rates` are their learning rates [steps]. Adam divides the rate by 1 - beta1^t and the second
    moment by 1 - beta2^t, t = 1, 2, ... (Kingma and Ba 2015, algorithm 1); SOAP's first step only
    begins its preconditioners.
    """
    t = np.arange(first + 1, first + 1 + len(rates))
    size, root, due = rates, np.ones_like(rates), np.zeros_like(rates)
    if update.name in {"adam", "adamw", "muon"}:
        size, root = rates / (1 - update.beta1**t), np.sqrt(1 - update.beta2**t)
    if update.name == "shampoo":
        due = np.where((t <= update.interval) | (t % update.interval == 0), REFRESHED, 0)
    if update.name == "soap":
        before = np.maximum(t - 1, 1)
        size = rates * np.sqrt(1 - update.beta2**before) / (1 - update.beta1**before)
        due = np.where((t - 1) % update.interval == 0, REFRESHED, 0)
        due[t == 1] = BEGUN
    return np.stack([rates, size, root, due], axis=1).astype(np.float32)


class Elementwise:
    """SGD, SAM's last half, Adam and AdamW, as torch.optim has them."""

    def __init__(self, update: Update, shapes: Shapes) -> None:
        """Take the constants."""
        self._update = update
        self._adam = update.name in {"adam", "adamw"}
        averages = 2 if self._adam else int(update.momentum > 0)
        self.lengths = (sum(map(prod, shapes)),) * averages

    def __call__(
        self, weights: Tensor, state: list[Tensor], gradient: Tensor, rates: Tensor
    ) -> tuple[Tensor, list[Tensor]]:
        """As `Rule` says."""
        update = self._update
        lr, size, _, _ = rates[:, :, None].unbind(1)
        if decay := coupled_decay(update):
            gradient = gradient + decay * weights
        if update.name == "adamw":
            weights = weights * (1 - lr * update.weight_decay)
        if self._adam:
            direction, state = adam(update, state, gradient, rates)
            return weights - size * direction, state
        if not state:
            return weights - size * gradient, []
        velocity = update.momentum * state[0] + gradient
        direction = gradient + update.momentum * velocity if update.nesterov else velocity
        return weights - size * direction, [velocity]


def adam(
    update: Update, moments: list[Tensor], gradient: Tensor, rates: Tensor
) -> tuple[Tensor, list[Tensor]]:
    """What Adam multiplies by its step size, and both moments, [replicas, parameters] each."""
    root = rates[:, 2, None]
    first = torch.lerp(moments[0], gradient, 1 - update.beta1)
    second = update.beta2 * moments[1] + (1 - update.beta2) * gradient.square()
    return first / (second.sqrt() / root + update.epsilon), [first, second]


def tensors(rows: Tensor, shapes: Shapes) -> list[Tensor]:
    """Views [replicas, *shape] into rows [replicas, parameters]; a number counts as a vector."""
    parts = torch.split(rows, [prod(shape) for shape in shapes], dim=1)
    return [part.view(-1, *(shape or (1,))) for part, shape in zip(parts, shapes, strict=True)]


def rows(parts: Sequence[Tensor]) -> Tensor:
    """The inverse of `tensors`."""
    return torch.cat([part.flatten(1) for part in parts], dim=1)
