"""The optimizers on stacked parameters, one row a replica, step for step as in torch.optim."""

import numpy as np
import torch
from torch import Tensor

from emc.engine.procedure import Update

RATES = 3
"""Numbers that a step needs of a replica: learning rate, step size, root of the correction."""


def coupled_decay(update: Update) -> float:
    """Weight decay that is part of the optimised loss: AdamW's is not."""
    return 0.0 if update.name == "adamw" else update.weight_decay


def moment_count(update: Update) -> int:
    """Running averages that the optimizer keeps of every parameter."""
    if update.name in {"adam", "adamw"}:
        return 2
    return 1 if update.momentum else 0


def step_rates(update: Update, rates: np.ndarray, first: int) -> np.ndarray:
    """What steps `first` (0 is the first of all), ... need, float32 [steps, RATES].

    `rates` are their learning rates [steps]. Adam divides the rate by 1 - beta1^t and the second
    moment by 1 - beta2^t, t = 1, 2, ... (Kingma and Ba 2015, algorithm 1).
    """
    t = np.arange(first + 1, first + 1 + len(rates))
    if update.name in {"adam", "adamw"}:
        columns = [rates, rates / (1 - update.beta1**t), np.sqrt(1 - update.beta2**t)]
    else:
        columns = [rates, rates, np.ones_like(rates)]
    return np.stack(columns, axis=1).astype(np.float32)


def updated(
    update: Update, weights: Tensor, moments: list[Tensor], gradient: Tensor, rates: Tensor
) -> tuple[Tensor, list[Tensor]]:
    """Weights and moments [replicas, parameters] after a step; `rates` is [replicas, RATES]."""
    lr, size, root = rates[:, :, None].unbind(1)
    if decay := coupled_decay(update):
        gradient = gradient + decay * weights
    if update.name == "adamw":
        weights = weights * (1 - lr * update.weight_decay)
    if update.name in {"adam", "adamw"}:
        first = torch.lerp(moments[0], gradient, 1 - update.beta1)
        second = update.beta2 * moments[1] + (1 - update.beta2) * gradient.square()
        return weights - size * first / (second.sqrt() / root + update.epsilon), [first, second]
    if not moments:
        return weights - size * gradient, []
    velocity = update.momentum * moments[0] + gradient
    direction = gradient + update.momentum * velocity if update.nesterov else velocity
    return weights - size * direction, [velocity]
