"""The native back end against float64 torch, step by step."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.unit.engine.native_reference import agree

from emc.engine.procedure import Procedure, Replica, Update
from emc.nets.layers import Conv, Dense, Layers

SGD = Update("sgd", momentum=0.9)

MLP: Layers = (
    Dense(21, 19, True, "tanh"),
    Dense(19, 7, True, "leaky-relu"),
    Dense(7, 35, True, "gelu"),
    Dense(35, 9, False, "silu"),
    Dense(9, 16, True, "relu"),
    Dense(16, 8, True, "sigmoid"),
    Dense(8, 5, True, "identity"),
    Dense(5, 3, True, "identity"),
)
CNN: Layers = (
    Conv(3, 5, 13, 18, "relu"),
    Conv(5, 3, 6, 9, "gelu", bias=False),
    Conv(3, 8, 3, 4, "tanh"),
    Dense(16, 6, True, "silu"),
    Dense(6, 4, True, "identity"),
)
FLAT: Layers = (Dense(40, 17, False, "identity"),)
TINY: Layers = (Dense(4, 2, True, "identity"),)


def replica(layers: Layers, n: int, seed: int = 3, lr: float = 0.05, classes: int = 3) -> Replica:
    draw = np.random.default_rng((seed, n))
    first = layers[0]
    shape = (
        (first.inputs, first.height, first.width) if isinstance(first, Conv) else (first.inputs,)
    )
    inputs = draw.normal(size=(n + 11, *shape)).astype(np.float32)
    return Replica(inputs, draw.permutation(n + 11)[:n], draw.integers(0, classes, n), seed, lr)


def procedure(layers: Layers, **changes: Any) -> Procedure:
    standard = Procedure(layers[-1].outputs, SGD, layers=layers, batch=16, epochs=4)
    return replace(standard, **changes)


@pytest.mark.parametrize(
    "update",
    [
        Update("sgd", momentum=0.0),
        SGD,
        Update("sgd", momentum=0.9, nesterov=True),
        Update("sgd", momentum=0.5, weight_decay=0.03),
        Update("sgd", momentum=0.5, nesterov=True, weight_decay=0.03),
    ],
)
@pytest.mark.parametrize("layers", [MLP, CNN, FLAT])
def test_sgd(update: Update, layers: Layers) -> None:
    agree(procedure(layers, update=update), replica(layers, 50))


@pytest.mark.parametrize(
    "update",
    [
        Update("adam", epsilon=1e-4),
        Update("adam", beta1=0.5, beta2=0.9, epsilon=1e-4, weight_decay=0.03),
        Update("adamw", epsilon=1e-4, weight_decay=0.1),
    ],
)
@pytest.mark.parametrize("layers", [MLP, CNN, FLAT])
def test_adam(update: Update, layers: Layers) -> None:
    agree(procedure(layers, update=update), replica(layers, 50, lr=0.01))


@pytest.mark.parametrize("order", ["stream", "balanced", "ragged"])
@pytest.mark.parametrize("n", [1, 2, 15, 16, 17, 47, 130])
@pytest.mark.parametrize("budget", [{"epochs": 5}, {"steps": 13, "epochs": None}])
def test_orders_and_budgets(order: str, n: int, budget: dict[str, int | None]) -> None:
    agree(procedure(MLP, order=order, **budget), replica(MLP, n))


@pytest.mark.parametrize("n", [1, 130])
@pytest.mark.parametrize("layers", [MLP, CNN])
def test_full_batch(n: int, layers: Layers) -> None:
    update = Update("gd", momentum=0.9)
    agree(procedure(layers, update=update, batch=None, epochs=6), replica(layers, n))


@pytest.mark.parametrize("n", [1, 16, 17, 33])
@pytest.mark.parametrize("batch", [1, 16, 200])
def test_batches_of_images(n: int, batch: int) -> None:
    agree(procedure(CNN, batch=batch, epochs=2), replica(CNN, n, lr=0.01))


@pytest.mark.parametrize("layers", [MLP, CNN])
def test_batches_larger_than_a_chunk(layers: Layers) -> None:
    agree(procedure(layers, batch=300, epochs=2), replica(layers, 411))


@pytest.mark.parametrize(
    "changes",
    [
        {"loss": "squared-error"},
        {"label_smoothing": 0.1},
        {"schedule": "cosine"},
        {"warmup": 0.3},
        {"warmup": 1.0},
        {"schedule": "cosine", "warmup": 0.5, "steps": 9, "epochs": None},
        {"initialisation": "torch"},
    ],
)
@pytest.mark.parametrize("layers", [MLP, CNN, FLAT])
def test_losses_and_schedules(changes: dict[str, Any], layers: Layers) -> None:
    agree(procedure(layers, **changes), replica(layers, 50))


def test_rate_of_zero_changes_nothing() -> None:
    run = agree(procedure(CNN, epochs=3, order="balanced"), replica(CNN, 20, lr=0.0))
    assert run.epoch_losses == pytest.approx(run.loss)


def test_milestones_of_a_run_that_fits() -> None:
    run = agree(procedure(FLAT, epochs=300), replica(FLAT, 40, classes=17), tolerance=1e-3)
    assert run.accuracy == 1
    assert run.milestones[0].epoch is not None


@pytest.mark.parametrize("criterion", [0.5, 0.9, 0.95])
def test_a_run_ends_at_its_criterion(criterion: float) -> None:
    run = agree(
        procedure(FLAT, epochs=300, criterion=criterion), replica(FLAT, 100, classes=17), 1e-3
    )
    assert criterion <= run.accuracy < 1
