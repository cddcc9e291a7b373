"""The reference against a float64 loop written out, and against known answers."""

from dataclasses import replace
from math import log, log2, nan
from typing import Any

import numpy as np
import pytest
import torch
from tests.unit.engine.cases import (
    CLASSES,
    CNN,
    LINEAR,
    OPTIMIZERS,
    SGD,
    SHAPE,
    NormNet,
    TokenNet,
    mlp,
    procedure,
    replicas,
)
from tests.unit.engine.naive import NaiveTraining
from torch import Tensor, nn

from emc.activations import ACTIVATIONS
from emc.engine.procedure import Procedure, Replica, TrainedRun, Update
from emc.engine.sequential import Sequential
from emc.errors import EmcError
from emc.nets import Dense
from emc.nets.layers import initial
from emc.records import THRESHOLDS, Ended
from emc.seeds import generator


def trained(asked: Procedure, replica: Replica) -> TrainedRun:
    (run,) = Sequential("cpu").run(asked, [replica])
    return run


def assert_as_naive(asked: Procedure, replica: Replica) -> TrainedRun:
    run, naive = trained(asked, replica), NaiveTraining(asked, replica).run()
    assert run.ended == naive.ended
    assert (run.epochs, run.steps) == (len(naive.epoch_losses), naive.steps)
    assert run.gradient_evaluations == naive.seen
    reached = {t: tuple(m) for t, m in zip(THRESHOLDS, run.milestones, strict=True) if m.epoch}
    assert reached == naive.milestones
    assert run.accuracy == pytest.approx(naive.accuracy)
    np.testing.assert_allclose(run.epoch_losses, naive.epoch_losses, rtol=1e-4)
    assert run.loss == pytest.approx(naive.loss, rel=1e-4)
    assert run.gradient_norm == pytest.approx(naive.gradient_norm, rel=1e-3, abs=1e-6)
    for name, values in naive.weights.items():
        np.testing.assert_allclose(run.parameters[name], values, rtol=1e-3, atol=1e-5)
    return run


@pytest.mark.parametrize(("update", "lr"), OPTIMIZERS)
def test_optimizers_are_the_written_out_ones(update: Update, lr: float) -> None:
    batch = None if update.name == "gd" else 16
    (replica,) = replicas([37], lr)
    assert_as_naive(procedure(update=update, batch=batch), replica)


@pytest.mark.parametrize("order", ["stream", "balanced", "ragged"])
@pytest.mark.parametrize("n", [1, 5, 16, 17, 37])
def test_orders_are_the_written_out_ones(order: str, n: int) -> None:
    (replica,) = replicas([n])
    assert_as_naive(procedure(order=order), replica)


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_activations_are_the_written_out_ones(activation: str) -> None:
    (replica,) = replicas([37])
    assert_as_naive(procedure(layers=mlp(activation)), replica)


@pytest.mark.parametrize("layers", [LINEAR, CNN])
@pytest.mark.parametrize("rule", ["scaled-normal", "torch"])
def test_nets_are_the_written_out_ones(layers: tuple[Dense, ...], rule: str) -> None:
    (replica,) = replicas([37])
    assert_as_naive(procedure(layers=layers, initialisation=rule), replica)


@pytest.mark.parametrize(
    "loss",
    [
        {"label_smoothing": 0.2},
        {"loss": "squared-error"},
        {"update": Update("adamw", weight_decay=0.0)},
    ],
)
def test_losses_are_the_written_out_ones(loss: dict[str, Any]) -> None:
    (replica,) = replicas([37], lr=0.01)
    assert_as_naive(procedure(**loss), replica)


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
@pytest.mark.parametrize("warmup", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("budget", [{}, {"epochs": None, "steps": 10}])
def test_schedules_are_the_written_out_ones(
    schedule: str, warmup: float, budget: dict[str, int | None]
) -> None:
    (replica,) = replicas([37])
    assert_as_naive(procedure(schedule=schedule, warmup=warmup, **budget), replica)


def test_a_long_run_fits_when_the_written_out_one_does() -> None:
    (replica,) = replicas([30])
    run = assert_as_naive(procedure(epochs=200), replica)
    assert run.ended is Ended.FIT
    assert 1 < run.epochs < 200


@pytest.mark.parametrize("criterion", [0.9, 0.95])
def test_a_lower_criterion_ends_earlier(criterion: float) -> None:
    (replica,) = replicas([60])
    run = assert_as_naive(procedure(epochs=200, criterion=criterion), replica)
    assert criterion <= run.accuracy < 1


def test_regression_ends_stuck_when_the_written_out_one_does() -> None:
    asked = procedure(
        layers=LINEAR,
        loss="squared-error",
        batch=None,
        epochs=4000,
        update=Update("gd", momentum=0.9),
    )
    (replica,) = replicas([60], lr=0.2)
    run = assert_as_naive(asked, replica)
    assert run.ended is Ended.STATIONARY
    assert run.epochs % 10 == 0
    assert run.gradient_norm <= asked.gradient_tolerance


def separable(n: int) -> Replica:
    """Two classes on either side of a hyperplane, a margin apart."""
    draw = np.random.default_rng(5)
    inputs = draw.normal(size=(n, 6)).astype(np.float32)
    labels = (inputs[:, 0] > 0).astype(np.int64)
    inputs[:, 0] += np.sign(inputs[:, 0])
    return Replica(inputs, np.arange(n), labels, seed=1, lr=0.5)


def test_separable_samples_are_fitted_by_a_linear_net() -> None:
    layers = (Dense(6, 2, False, "identity"),)
    run = trained(
        Procedure(classes=2, update=SGD, layers=layers, batch=8, epochs=300), separable(50)
    )
    assert run.ended is Ended.FIT
    assert run.accuracy == 1.0
    assert 0 < run.memorised_bits <= 50


def test_without_a_rate_nothing_moves_and_the_run_is_censored() -> None:
    (replica,) = replicas([40], lr=0.0)
    run = trained(procedure(epochs=20, batch=None), replica)
    start = initial(mlp(), "scaled-normal", generator(replica.seed, "weights"))
    for name, values in start.items():
        np.testing.assert_array_equal(run.parameters[name], values)
    assert run.ended is Ended.BUDGET
    assert run.plateau == 0
    assert len(set(run.epoch_losses)) == 1


def test_a_start_at_the_minimum_is_stuck_after_ten_epochs() -> None:
    inputs = np.ones((4, 2), dtype=np.float32)
    replica = Replica(inputs, np.arange(4), np.array([0, 1, 0, 1]), seed=0, lr=0.0)
    asked = Procedure(
        classes=2,
        update=Update("sgd", momentum=0.0),
        module=lambda: ZeroLinear(2, 2),
        batch=2,
        epochs=300,
    )
    run = trained(asked, replica)
    assert (run.ended, run.epochs) == (Ended.STATIONARY, 10)
    assert run.accuracy == 0.5
    assert run.loss == pytest.approx(log(2))
    assert run.memorised_bits == 0.0


class Idle(nn.Linear):
    """A layer with weights that no logit depends on."""

    def __init__(self) -> None:
        super().__init__(2, 2)
        self.idle = nn.Linear(20, 20)


def test_weights_without_a_part_in_the_loss_decay_to_its_minimum() -> None:
    """The penalty is part of what is minimised, so that a run with them can end stuck too."""
    inputs = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
    replica = Replica(inputs, np.arange(60), np.arange(60) % 2, seed=1, lr=0.3)
    update = Update("gd", momentum=0.9, weight_decay=0.01)
    run = trained(Procedure(2, update, module=Idle, batch=None, epochs=3000), replica)
    assert run.ended is Ended.STATIONARY
    assert np.abs(run.parameters["idle.weight"]).max() < 1e-2


class ZeroLinear(nn.Linear):
    def reset_parameters(self) -> None:
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)


@pytest.mark.parametrize("loss", ["cross-entropy", "squared-error"])
def test_a_wild_rate_diverges(loss: str) -> None:
    (replica,) = replicas([40], lr=1e20)
    run = trained(procedure(epochs=50, loss=loss), replica)
    assert run.ended is Ended.DIVERGED
    assert run.epochs < 50
    assert not np.isfinite(run.epoch_losses[-1]) or not all(
        np.isfinite(values).all() for values in run.parameters.values()
    )


def test_one_class_is_fitted_at_once() -> None:
    layers = (Dense(20, 1, True, "identity"),)
    inputs = np.ones((3, *SHAPE), dtype=np.float32)
    replica = Replica(inputs, np.arange(3), np.zeros(3, dtype=np.int64), seed=0, lr=0.1)
    run = trained(Procedure(classes=1, update=SGD, layers=layers, epochs=300), replica)
    assert (run.ended, run.epochs, run.loss, run.memorised_bits) == (Ended.FIT, 1, 0.0, 0.0)


def test_bits_are_what_the_labels_cost_less() -> None:
    (replica,) = replicas([37])
    run = trained(procedure(), replica)
    assert run.memorised_bits == pytest.approx(37 * (log2(CLASSES) - run.loss / log(2)))


def test_a_replica_is_the_same_whatever_runs_before_it() -> None:
    first, second = replicas([20, 30])
    alone = trained(procedure(), second)
    together = Sequential("cpu").run(procedure(), [first, second])[1]
    assert replace(together.numbers, seconds=0) == replace(alone.numbers, seconds=0)
    np.testing.assert_array_equal(together.epoch_losses, alone.epoch_losses)


def test_no_replicas_are_no_runs() -> None:
    assert Sequential("cpu").run(procedure(), []) == []


def user(module: object, **changes: Any) -> Procedure:
    return procedure(layers=None, module=module, **changes)


def test_a_users_module_fits() -> None:
    (replica,) = replicas([12], lr=0.02)
    run = trained(user(TokenNet, update=Update("adam"), epochs=400), replica)
    assert run.ended is Ended.FIT
    assert set(run.parameters) == {
        name for name, value in TokenNet().state_dict().items() if value.is_floating_point()
    }


def test_a_users_module_starts_from_the_replicas_seed() -> None:
    one, other = replicas([12, 12], lr=0.0)
    before = torch.random.get_rng_state()
    starts = [trained(user(TokenNet, epochs=1), r).parameters["place"] for r in (one, one, other)]
    np.testing.assert_array_equal(starts[0], starts[1])
    assert (starts[0] != starts[2]).all()
    assert torch.equal(torch.random.get_rng_state(), before)


def test_batch_norm_trains_on_batches_and_evaluates_on_running_statistics() -> None:
    (replica,) = replicas([37])
    run = trained(user(NormNet, epochs=3), replica)
    net = NormNet()
    net.load_state_dict({k: torch.from_numpy(v) for k, v in run.parameters.items()}, strict=False)
    net.eval()
    x = torch.from_numpy(replica.inputs[replica.rows])
    labels = torch.from_numpy(replica.labels)
    with torch.no_grad():
        logits = net(x)
    assert run.accuracy == (logits.argmax(1) == labels).double().mean().item()
    assert run.loss == pytest.approx(nn.functional.cross_entropy(logits, labels).item(), rel=1e-5)
    assert np.abs(run.parameters["body.2.running_mean"]).max() > 0


def test_dropout_draws_from_the_replicas_own_stream() -> None:
    def dropping() -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(20, CLASSES))

    one, other = replicas([20, 20])
    asked = user(dropping, epochs=3)
    first = Sequential("cpu").run(asked, [one, other])
    again = Sequential("cpu").run(asked, [other, one])
    np.testing.assert_array_equal(first[0].epoch_losses, again[1].epoch_losses)
    without = trained(user(lambda: nn.Sequential(nn.Flatten(), nn.Linear(20, 3)), epochs=3), one)
    assert abs(first[0].epoch_losses - without.epoch_losses).min() > 1e-3


class Wrong(nn.Module):
    def __init__(self, output: object) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.output = output

    def forward(self, x: Tensor) -> object:
        return self.output(x * self.weight)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: nn.Linear(5, 3),
            r"logits .* of shape \(2, 3\), found \(2, 1, 4, 3\)",
        ),
        (lambda: Wrong(lambda x: x.mean()), r"Wrong: expected logits .*, found \(\)"),
        (
            lambda: Wrong(lambda x: [x]),
            r"Wrong: expected a tensor of logits .* of shape .*, found a list",
        ),
        (lambda: nn.Linear(7, 3), r"Linear fails on inputs of shape \(2, 1, 4, 5\): mat1 and mat2"),
        (lambda: 3, "module: expected a torch.nn.Module, found 3"),
        (nn.Flatten, "Flatten has no trainable parameters"),
        (lambda: nn.LazyLinear(3), "LazyLinear: 'weight' belongs to a lazy layer"),
    ],
)
def test_modules_that_give_no_logits_are_refused(make: object, message: str) -> None:
    with pytest.raises(EmcError, match=message):
        Sequential("cpu").run(user(make), replicas([8]))


def test_inputs_that_are_not_finite_are_refused() -> None:
    (replica,) = replicas([8])
    inputs = replica.inputs.copy()
    inputs[replica.rows[3]] = nan
    with pytest.raises(EmcError, match=f"found NaN or infinity in row {replica.rows[3]}"):
        Sequential("cpu").run(procedure(), [replace(replica, inputs=inputs)])
