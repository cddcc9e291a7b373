"""Calls that are killed at every epoch's end give the very runs of undisturbed ones."""

import json
import logging
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
import torch
from tests.unit.engine.cases import (
    CNN,
    OPTIMIZERS,
    TokenNet,
    assert_same_training,
    mlp,
    procedure,
    replicas,
)
from tests.unit.engine.interrupted import EveryEpoch, Killed, assert_same_bits, to_the_end
from torch import Tensor, nn

from emc.engine.back_end import BackEnd
from emc.engine.checkpoint import Ledger, NoCheckpoints, Snapshot
from emc.engine.native import NativeBackEnd, kernel
from emc.engine.plugin_optimizer import Made
from emc.engine.procedure import Procedure, Update
from emc.engine.sequential import Sequential
from emc.engine.stacked.compiled import FixedShapeRunner
from emc.engine.stacked.lockstep import Lockstep
from emc.engine.stacked.runner import Runner
from emc.engine.stacked.vmap import Vmap
from emc.engine.training_state import take_up, training_state
from emc.nets import Layers
from emc.records import Ended

SIZES = [40, 17, 1, 33]


def batch_norm_and_dropout() -> nn.Module:
    return nn.Sequential(
        *(nn.Flatten(), nn.Linear(20, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2)),
        nn.Linear(8, 3),
    )


class FewHeights(Vmap):
    """`Vmap` with the fixed heights and widths of `compiled`, and nothing compiled."""

    name = "few heights"

    def _runner(self, procedure: Procedure, x: Tensor) -> Runner:
        step = super()._runner(procedure, x).step
        runner = FixedShapeRunner(step)
        runner._train, runner._correct = step.train, step.correct
        return runner


BACK_ENDS = [Sequential, Vmap, FewHeights]


def assert_undisturbed(back_end: BackEnd, asked: Procedure, lr: float = 0.05) -> int:
    """Killed wherever it saves a call gives the same runs; kills beyond one per step."""
    given = replicas(SIZES, lr)
    expected = back_end.run(asked, given)
    found, kills = to_the_end(lambda kept: back_end.run(asked, given, kept))
    assert_same_bits(found, expected)
    assert kills >= max(run.epochs for run in expected)
    return kills - sum(run.steps for run in expected)


@pytest.mark.parametrize("kind", BACK_ENDS)
@pytest.mark.parametrize(("update", "lr"), OPTIMIZERS)
def test_every_optimizer_goes_on(kind: Callable[[str], BackEnd], update: Update, lr: float) -> None:
    batch = None if update.name == "gd" else 16
    assert_undisturbed(kind("cpu"), procedure(update=update, batch=batch), lr)


@pytest.mark.parametrize(
    ("update", "lr"),
    [
        (Update("shampoo", interval=4, momentum=0.0), 0.1),
        (Update("muon", weight_decay=0.0), 0.02),
        (Update("soap", interval=4, weight_decay=0.0), 0.01),
    ],
)
@pytest.mark.parametrize("kind", [Sequential, Vmap])
def test_preconditioners_go_on(kind: Callable[[str], BackEnd], update: Update, lr: float) -> None:
    assert_undisturbed(kind("cpu"), procedure(update=update, epochs=4), lr)


@pytest.mark.parametrize(("name", "lr"), [("lbfgs", 1.0), ("sam", 0.05)])
def test_optimizers_that_look_twice_go_on(name: str, lr: float) -> None:
    batch = None if name == "lbfgs" else 16
    assert_undisturbed(Sequential("cpu"), procedure(update=Update(name), batch=batch), lr)


@pytest.mark.parametrize("kind", BACK_ENDS)
@pytest.mark.parametrize("order", ["stream", "balanced", "ragged"])
@pytest.mark.parametrize("budget", [{"epochs": 7}, {"epochs": None, "steps": 11}])
def test_every_order_and_schedule_goes_on(
    kind: Callable[[str], BackEnd], order: str, budget: dict[str, int | None]
) -> None:
    asked = procedure(order=order, schedule="cosine", warmup=0.3, **budget)
    assert_undisturbed(kind("cpu"), asked)


@pytest.mark.parametrize("kind", BACK_ENDS)
@pytest.mark.parametrize("layers", [mlp("tanh"), CNN])
def test_replicas_that_end_one_by_one_go_on(kind: Callable[[str], BackEnd], layers: Layers) -> None:
    asked = procedure(layers=layers, update=Update("adam"), epochs=25)
    assert_undisturbed(kind("cpu"), asked, lr=0.02)


def test_nets_that_normalise_and_draw_go_on() -> None:
    given = [one for one in SIZES if one > 1]
    asked = procedure(layers=None, module=batch_norm_and_dropout, order="balanced", batch=8)
    expected = Sequential("cpu").run(asked, replicas(given))
    found, _ = to_the_end(lambda kept: Sequential("cpu").run(asked, replicas(given), kept))
    assert_same_bits(found, expected)


@pytest.mark.parametrize("kind", BACK_ENDS)
def test_users_modules_go_on(kind: Callable[[str], BackEnd]) -> None:
    asked = procedure(layers=None, module=TokenNet, update=Update("adam"), epochs=4)
    assert_undisturbed(kind("cpu"), asked, lr=0.01)


@pytest.mark.parametrize(("update", "lr"), OPTIMIZERS)
@pytest.mark.parametrize("layers", [mlp(), CNN])
def test_native_kernels_go_on_from_every_step(
    monkeypatch: pytest.MonkeyPatch, layers: Layers, update: Update, lr: float
) -> None:
    monkeypatch.setattr(kernel, "_SLICE_SECONDS", 0.0)
    batch = None if update.name == "gd" else 16
    asked = procedure(layers=layers, update=update, batch=batch, epochs=None, steps=9)
    assert assert_undisturbed(NativeBackEnd(), asked, lr) == 0


@pytest.mark.parametrize("order", ["stream", "balanced", "ragged"])
def test_native_orders_go_on_from_every_step(monkeypatch: pytest.MonkeyPatch, order: str) -> None:
    monkeypatch.setattr(kernel, "_SLICE_SECONDS", 0.0)
    assert_undisturbed(NativeBackEnd(), procedure(order=order, schedule="cosine"))


def test_the_state_of_another_kernel_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(kernel, "_SLICE_SECONDS", 0.0)
    given, kept = replicas([40]), EveryEpoch(lambda save: save == 3)
    with pytest.raises(Killed):
        NativeBackEnd().run(procedure(), given, kept)
    trained = kept.load()
    assert trained is not None
    trained.facts["parts"]["under_way"]["kernel"] = "of another processor"
    expected = NativeBackEnd().run(procedure(), given)
    with caplog.at_level(logging.INFO):
        found = NativeBackEnd().run(procedure(), given, Fixed(trained))
    assert_same_bits(found, expected)
    assert "another kernel or processor trained it" in caplog.text


class Fixed(NoCheckpoints):
    """Has something to go on from, and saves nothing."""

    def __init__(self, kept: Snapshot) -> None:
        self._kept = kept

    def load(self) -> Snapshot:
        return self._kept


def test_what_another_back_end_has_saved_is_left_alone() -> None:
    kept = EveryEpoch(lambda save: save == 3)
    with pytest.raises(Killed):
        Vmap("cpu").run(procedure(), replicas(SIZES), kept)
    assert Ledger(kept, "sequential").take_under_way() is None
    assert Ledger(kept, "vmap").take_under_way() is not None
    assert_same_bits(
        Sequential("cpu").run(procedure(), replicas(SIZES), kept),
        Sequential("cpu").run(procedure(), replicas(SIZES)),
    )


def test_memory_that_shrinks_while_a_group_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ended before the memory ran out is kept; the rest trains anew in smaller groups."""
    asked, given = procedure(epochs=60), replicas([30, 20, 24, 18])
    first_end = min(run.epochs for run in Vmap("cpu").run(asked, given))
    kept = EveryEpoch(lambda save: save == first_end)
    with pytest.raises(Killed):
        Vmap("cpu").run(asked, given, kept)
    before = Ledger(kept, "vmap").runs
    assert 0 < len(before) < len(given)

    def exhausted(self: Lockstep, kept: Snapshot) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 7 EiB")

    monkeypatch.setattr(Lockstep, "take_up", exhausted)
    runs = Vmap("cpu").run(asked, given, kept)
    for number, run in before.items():
        assert_same_bits([runs[number]], [run])
    for run, reference in zip(runs, Sequential("cpu").run(asked, given), strict=True):
        assert_same_training(run, reference, tolerance=1e-2)


class Hoarding(torch.optim.SGD):
    """Keeps what its state_dict does not tell."""

    def __init__(self, parameters: list[nn.Parameter], lr: float) -> None:
        super().__init__(parameters, lr=lr)
        self.steps_taken = 0


class Doubling(torch.optim.SGD):
    """Keeps a state that torch would bring back in another precision."""

    def step(self, closure: Any = None) -> Any:
        loss = super().step(closure)
        for parameter in self.param_groups[0]["params"]:
            self.state[parameter]["sum"] = parameter.detach().double()
        return loss


class Hooked(torch.optim.SGD):
    """Its steps shrink, by a hook that counts them."""

    def __init__(self, parameters: list[nn.Parameter], lr: float) -> None:
        super().__init__(parameters, lr=lr)
        steps = count(1)
        self.register_step_pre_hook(lambda *given: self._shrink(next(steps)))

    def _shrink(self, step: int) -> None:
        for parameter in self.param_groups[0]["params"]:
            parameter.grad /= step


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (Hooked, "hooks of its step may keep what is not in its state_dict"),
        (Hoarding, "it keeps 'steps_taken' outside its state_dict"),
        (Doubling, "its state holds a torch.float64 tensor"),
    ],
)
def test_an_optimizer_that_cannot_be_saved_is_told_and_trained_anew(
    make: type[torch.optim.SGD], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    asked = procedure(update=Update("own", Made(make=make)), epochs=4)
    kept = EveryEpoch(lambda save: save == 6)
    with caplog.at_level(logging.INFO), pytest.raises(Killed):
        Sequential("cpu").run(asked, replicas([20, 30]), kept)
    assert f"optimizer 'own': {reason}" in caplog.text
    ledger = Ledger(kept, "sequential")
    assert list(ledger.runs) == [0]
    assert ledger.take_under_way() is None
    assert_same_bits(
        Sequential("cpu").run(asked, replicas([20, 30]), kept),
        Sequential("cpu").run(asked, replicas([20, 30])),
    )


def test_torchs_own_optimizers_can_be_saved_whatever_they_keep() -> None:
    """Lists of tensors, numbers and tensors of none: L-BFGS has them all."""
    net = nn.Linear(3, 1)
    x = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))

    def loss() -> float:
        optimizer.zero_grad()
        value = net(x).square().mean() + net.weight.sin().sum()
        value.backward()
        return float(value.detach())

    optimizer = torch.optim.LBFGS(net.parameters(), max_iter=3)
    optimizer.step(loss)
    kept = training_state(net, optimizer)
    expected = [float(optimizer.step(loss)) for _ in range(3)]
    net = nn.Linear(3, 1)
    optimizer = torch.optim.LBFGS(net.parameters(), max_iter=3)
    with torch.random.fork_rng(devices=[]):
        take_up(net, optimizer, Snapshot(json.loads(json.dumps(kept.facts)), kept.arrays))
    assert [float(optimizer.step(loss)) for _ in range(3)] == expected


def test_runs_without_numbers_survive() -> None:
    """A diverged run holds no numbers where others do."""
    asked = procedure(epochs=3)
    given = replicas([30, 30], lr=1e20)
    found, _ = to_the_end(lambda kept: Vmap("cpu").run(asked, given, kept))
    assert_same_bits(found, Vmap("cpu").run(asked, given))
    assert {run.ended for run in found} == {Ended.DIVERGED}
