"""Nets, samples and comparisons that the tests of the back ends share."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from emc.engine.procedure import Procedure, Replica, TrainedRun, Update
from emc.nets import Conv, Dense, Layers

CLASSES = 3
SHAPE = (1, 4, 5)

SGD = Update("sgd", momentum=0.9)

OPTIMIZERS = [
    (Update("sgd", momentum=0.0), 0.1),
    (SGD, 0.05),
    (Update("sgd", momentum=0.8, nesterov=True, weight_decay=0.01), 0.05),
    (Update("gd", momentum=0.9, weight_decay=0.003), 0.1),
    (Update("adam", weight_decay=0.02), 0.01),
    (Update("adam", beta1=0.7, beta2=0.95, epsilon=1e-4), 0.01),
    (Update("adamw", weight_decay=0.1), 0.01),
]

BEYOND_SGD = [
    (Update("shampoo", momentum=0.9, weight_decay=0.01, epsilon=1e-3, interval=3), 0.05),
    (Update("shampoo", largest=8, epsilon=1e-4, interval=1, momentum=0.0), 0.05),
    (Update("muon", momentum=0.95, weight_decay=0.1), 0.01),
    (Update("soap", beta1=0.9, beta2=0.95, weight_decay=0.1, interval=2, largest=1), 0.01),
    (Update("sam", momentum=0.8, weight_decay=0.01, rho=0.1), 0.05),
]
"""Those that look at more than one number, or gradient, at a time.

SOAP without bases: those of few samples' gradients are a matter of rounding.
"""


def mlp(activation: str = "relu") -> Layers:
    hidden = (Dense(20, 8, True, activation), Dense(8, 6, True, activation))
    return (*hidden, Dense(6, CLASSES, True, "identity"))


LINEAR: Layers = (Dense(20, CLASSES, False, "identity"),)
CNN: Layers = (Conv(1, 4, 4, 5, "relu"), Dense(16, CLASSES, True, "identity"))


def procedure(**changes: Any) -> Procedure:
    given: dict[str, Any] = {"layers": mlp(), "update": SGD, "batch": 16, "epochs": 6} | changes
    return Procedure(classes=CLASSES, **given)


def replicas(sizes: Sequence[int], lr: float = 0.05, seed: int = 0) -> list[Replica]:
    """Random samples with random labels out of a shared array; each rate is a little larger."""
    draw = np.random.default_rng(seed)
    inputs = draw.normal(size=(100, *SHAPE)).astype(np.float32)
    return [
        Replica(
            inputs,
            draw.permutation(100)[:n],
            draw.integers(0, CLASSES, n),
            seed=1000 * seed + place,
            lr=lr * (1 + place / 8),
        )
        for place, n in enumerate(sizes)
    ]


def assert_same_training(found: TrainedRun, expected: TrainedRun, tolerance: float = 1e-4) -> None:
    """The runs agree exactly in what is counted, and to `tolerance` in what is computed."""
    for counted in ("ended", "epochs", "steps", "gradient_evaluations", "milestones"):
        assert getattr(found, counted) == getattr(expected, counted), counted
    assert found.accuracy == expected.accuracy
    close: Any = {"rtol": tolerance, "atol": tolerance}
    np.testing.assert_allclose(found.epoch_losses, expected.epoch_losses, **close)
    for computed in ("loss", "gradient_norm", "memorised_bits"):
        np.testing.assert_allclose(
            getattr(found, computed), getattr(expected, computed), err_msg=computed, **close
        )
    assert found.parameters.keys() == expected.parameters.keys()
    for name, values in expected.parameters.items():
        assert found.parameters[name].dtype == np.float32
        np.testing.assert_allclose(found.parameters[name], values, err_msg=name, **close)


class TokenNet(nn.Module):
    """A user's module: attention over pixels, a frozen and a random buffer, layer norm."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(1, 4)
        self.place = nn.Parameter(0.1 * torch.randn(20, 4))
        self.keys = nn.Linear(4, 12, bias=False)
        self.norm = nn.LayerNorm(4)
        self.head = nn.Linear(4, CLASSES)
        self.scale = nn.Parameter(torch.tensor(0.5), requires_grad=False)
        self.register_buffer("shift", torch.randn(4))
        self.register_buffer("number", torch.tensor(7))

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.embed(x.flatten(1)[..., None]) + self.place + self.shift
        queries, keys, values = self.keys(tokens).chunk(3, dim=-1)
        weights = (queries @ keys.transpose(-1, -2) * self.scale).softmax(-1)
        logits: Tensor = self.head(self.norm(tokens + weights @ values).mean(1))
        return logits


class NormNet(nn.Module):
    """A user's module that normalises over the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Flatten(), nn.Linear(20, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, CLASSES)
        )

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.body(x)
        return logits
