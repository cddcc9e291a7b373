"""Replicas in one call against the reference, one by one."""

import logging
import time
from dataclasses import replace
from types import SimpleNamespace
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
    NormNet,
    TokenNet,
    assert_same_training,
    mlp,
    procedure,
    replicas,
)
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import VisionTransformer

from emc.activations import ACTIVATIONS
from emc.engine.epoch import EpochSteps
from emc.engine.procedure import Procedure, Replica, TrainedRun, Update
from emc.engine.sequential import Sequential
from emc.engine.stacked import vmap as vmap_module
from emc.engine.stacked.lockstep import Lockstep
from emc.engine.stacked.runner import Runner
from emc.engine.stacked.vmap import Vmap
from emc.errors import EmcError
from emc.native.unavailable import UnavailableError
from emc.nets import Dense
from emc.records import Ended

SIZES = {1: [37], 3: [37, 20, 33], 8: [40, 1, 16, 17, 5, 40, 31, 23]}
"""Replicas by how many: one sample, fewer than a batch, one batch, a remainder, and equals."""


def assert_as_sequential(
    asked: Procedure, given: list[Replica], tolerance: float = 1e-4
) -> list[TrainedRun]:
    found, expected = Vmap("cpu").run(asked, given), Sequential("cpu").run(asked, given)
    for run, reference in zip(found, expected, strict=True):
        assert run.back_end == "vmap"
        assert_same_training(run, reference, tolerance)
    return found


def test_nets_of_several_kinds_do_not_train_together() -> None:
    def make() -> nn.Module:
        layers = nn.Flatten(), nn.Linear(20, 4), nn.LeakyReLU(float(torch.rand(())))
        return nn.Sequential(*layers, nn.Linear(4, CLASSES))

    with pytest.raises(UnavailableError, match=r"nets of the factory differ: '2.negative_slope' i"):
        Vmap("cpu").run(procedure(layers=None, module=make), replicas([9, 8]))


@pytest.mark.parametrize("many", [1, 3, 8])
@pytest.mark.parametrize(("update", "lr"), OPTIMIZERS)
def test_optimizers_are_those_of_the_reference(many: int, update: Update, lr: float) -> None:
    batch = None if update.name == "gd" else 16
    assert_as_sequential(procedure(update=update, batch=batch), replicas(SIZES[many], lr))


@pytest.mark.parametrize("many", [1, 3, 8])
@pytest.mark.parametrize("order", ["stream", "balanced", "ragged"])
def test_orders_are_those_of_the_reference(many: int, order: str) -> None:
    assert_as_sequential(procedure(order=order), replicas(SIZES[many]))


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_activations_are_those_of_the_reference(activation: str) -> None:
    assert_as_sequential(procedure(layers=mlp(activation)), replicas(SIZES[3]))


@pytest.mark.parametrize("layers", [LINEAR, CNN])
@pytest.mark.parametrize("many", [1, 8])
def test_nets_are_those_of_the_reference(layers: tuple[Dense, ...], many: int) -> None:
    assert_as_sequential(procedure(layers=layers), replicas(SIZES[many]))


@pytest.mark.parametrize("loss", [{"label_smoothing": 0.2}, {"loss": "squared-error"}])
@pytest.mark.parametrize("many", [1, 8])
def test_losses_are_those_of_the_reference(loss: dict[str, Any], many: int) -> None:
    assert_as_sequential(procedure(**loss), replicas(SIZES[many]))


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
@pytest.mark.parametrize("budget", [{}, {"epochs": None, "steps": 10}])
def test_schedules_are_those_of_the_reference(schedule: str, budget: dict[str, int | None]) -> None:
    asked = procedure(schedule=schedule, warmup=0.3, **budget)
    assert_as_sequential(asked, replicas(SIZES[8]))


@pytest.mark.parametrize("many", [1, 3])
def test_users_modules_are_those_of_the_reference(many: int) -> None:
    asked = procedure(layers=None, module=TokenNet, update=Update("adam"))
    assert_as_sequential(asked, replicas(SIZES[many], lr=0.01))


def test_one_sample_may_share_a_call_with_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vmap_module, "_SPREAD", 1000)
    assert_as_sequential(procedure(), replicas(SIZES[8]))
    assert_as_sequential(procedure(batch=None), replicas(SIZES[8]))


def test_replicas_leave_as_they_end() -> None:
    given = replicas([30, 4, 12, 25, 8, 2, 18])
    runs = assert_as_sequential(procedure(epochs=60), given, tolerance=1e-2)
    assert len({run.epochs for run in runs if run.ended is Ended.FIT}) > 2


def test_replicas_may_have_inputs_of_their_own() -> None:
    shared, own = replicas([20, 30]), replicas([25], seed=1)
    assert shared[0].inputs is not own[0].inputs
    assert_as_sequential(procedure(), [shared[0], *own, shared[1]])


def test_stuck_replicas_are_those_of_the_reference() -> None:
    asked = procedure(
        layers=LINEAR,
        loss="squared-error",
        batch=None,
        epochs=4000,
        update=Update("gd", momentum=0.9, weight_decay=0.01),
    )
    runs = assert_as_sequential(asked, replicas([60, 50, 40], lr=0.2))
    assert {run.ended for run in runs} == {Ended.STATIONARY}


def test_without_a_rate_nothing_moves() -> None:
    asked = procedure(epochs=20, batch=None)
    assert_as_sequential(asked, replicas([40, 40], lr=0.0))


def test_a_diverging_replica_leaves_its_neighbours_alone() -> None:
    given = replicas([40, 40, 30])
    given[1] = replace(given[1], lr=1e20)
    runs = Vmap("cpu").run(procedure(), given)
    assert runs[1].ended is Ended.DIVERGED
    for place in (0, 2):
        (alone,) = Sequential("cpu").run(procedure(), [given[place]])
        assert_same_training(runs[place], alone)


@pytest.mark.parametrize("layers", [mlp(), CNN])
def test_neighbours_change_no_more_than_rounding(layers: tuple[Dense, ...]) -> None:
    asked = procedure(layers=layers)
    given = replicas([20, 40, 33, 21])
    (alone,) = Vmap("cpu").run(asked, given[:1])
    together = Vmap("cpu").run(asked, given)[0]
    swapped = Vmap("cpu").run(asked, given[::-1])[-1]
    assert_same_training(together, alone, tolerance=1e-5)
    assert_same_training(swapped, alone, tolerance=1e-5)


def test_the_same_call_gives_the_same_bits() -> None:
    given = replicas(SIZES[8])
    first, again = (Vmap("cpu").run(procedure(), given) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        for name, values in one.parameters.items():
            np.testing.assert_array_equal(values, other.parameters[name])


def test_the_seconds_of_the_replicas_are_shares_of_the_call() -> None:
    start = time.perf_counter()
    runs = Vmap("cpu").run(procedure(), replicas(SIZES[8]))
    total = time.perf_counter() - start
    assert all(run.seconds > 0 for run in runs)
    assert sum(run.seconds for run in runs) <= total


def test_no_replicas_are_no_runs() -> None:
    assert Vmap("cpu").run(procedure(), []) == []


class Flat(nn.Module):
    """A user's module of one dense layer after something of the test's own."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(20, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.dense(self.before(x.flatten(1)))
        return logits

    def before(self, x: Tensor) -> Tensor:
        return x


class Loose(Flat):
    def __init__(self) -> None:
        super().__init__()
        self.mask = torch.randn(20)


class Centred(Flat):
    def before(self, x: Tensor) -> Tensor:
        return x - x.mean(0) if self.training else x


class Undefined(Flat):
    def before(self, x: Tensor) -> Tensor:
        return x * torch.nan


class Doubling(Flat):
    def before(self, x: Tensor) -> Tensor:
        return x.mul_(2)


class Random(Flat):
    def before(self, x: Tensor) -> Tensor:
        return functional.dropout(x, 0.5, self.training)


class Branching(Flat):
    def before(self, x: Tensor) -> Tensor:
        return x if float(self.dense.weight.detach().sum()) > 0 else -x


class Counting(Flat):
    """Its logits depend on how many batches it has seen in training."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(()))

    def before(self, x: Tensor) -> Tensor:
        if self.training:
            self.seen.add_(1)
        return x * (1 + 1 / (self.seen + 100))


def dropping() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Dropout(0.1), nn.Linear(20, CLASSES))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (NormNet, "BatchNorm1d 'body.2' normalises over the batch"),
        (dropping, "Dropout '1' draws numbers"),
        (Loose, "'mask' keeps a tensor that torch does not list"),
        (lambda: nn.InstanceNorm1d(3, affine=True, track_running_stats=True), "running"),
    ],
)
def test_layers_that_touch_other_replicas_are_refused(make: object, reason: str) -> None:
    assert reason in str(Vmap("cpu").refuses(procedure(layers=None, module=make)))


class Narrowing(Flat):
    """Has too few logits where `narrow` says so, and passes a trial on two rows in evaluation."""

    def forward(self, x: Tensor) -> Tensor:
        logits = super().forward(x)
        return logits[:, :-1] if self.narrow(x) else logits

    def narrow(self, x: Tensor) -> bool:
        return self.training


class NarrowInBulk(Narrowing):
    def narrow(self, x: Tensor) -> bool:
        return len(x) > 2


@pytest.mark.parametrize("make", [Narrowing, NarrowInBulk])
@pytest.mark.parametrize("back_end", [Vmap("cpu"), Sequential("cpu")], ids=lambda one: one.name)
@pytest.mark.parametrize("loss", ["cross-entropy", "squared-error"])
def test_logits_that_go_wrong_in_training_are_told(
    make: object, back_end: Vmap | Sequential, loss: str
) -> None:
    asked = procedure(layers=None, module=make, loss=loss)
    wanted = rf"expected logits .* of shape \(\d+, {CLASSES}\), found \(\d+, {CLASSES - 1}\)"
    if make is NarrowInBulk and back_end.name == "vmap":
        wanted = "a row's logits depend on the other rows"
    with pytest.raises(EmcError, match=wanted):
        back_end.run(asked, replicas([8, 5]))


@pytest.mark.parametrize("make", [TokenNet, Flat, lambda: nn.Dropout(0.0)])
def test_other_layers_are_not(make: object) -> None:
    class Net(nn.Sequential):
        def __init__(self) -> None:
            super().__init__(nn.Linear(2, 2), make())

    assert Vmap("cpu").refuses(procedure(layers=None, module=Net)) is None
    assert Vmap("cpu").refuses(procedure()) is None


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (Centred, "a row's logits depend on the other rows"),
        (Random, "cannot train as several replicas"),
        (Branching, "cannot train as several replicas"),
        (Counting, "Counting changes a buffer in training, in idle steps too"),
    ],
)
@pytest.mark.parametrize("many", [1, 3])
def test_what_only_a_trial_tells_is_refused_before_training(
    make: object, reason: str, many: int
) -> None:
    with pytest.raises(UnavailableError, match=reason):
        Vmap("cpu").run(procedure(layers=None, module=make), replicas(SIZES[many]))


def test_logits_that_are_never_finite_do_not_depend_on_other_rows() -> None:
    (run,) = Vmap("cpu").run(procedure(layers=None, module=Undefined), replicas([8]))
    assert (run.ended, run.back_end) == (Ended.DIVERGED, "vmap")


@pytest.mark.parametrize("back_end", [Vmap("cpu"), Sequential("cpu")], ids=lambda one: one.name)
def test_nets_that_change_their_inputs_are_refused(back_end: Vmap | Sequential) -> None:
    asked = procedure(layers=None, module=Doubling)
    with pytest.raises(EmcError, match="Doubling changes its inputs in place"):
        back_end.run(asked, replicas([8]))


def test_modules_that_give_no_logits_are_refused() -> None:
    asked = procedure(layers=None, module=lambda: nn.Linear(5, 3))
    with pytest.raises(EmcError, match=r"logits \[batch, classes\] of shape \(2, 3\)"):
        Vmap("cpu").run(asked, replicas([8]))


class SmallMemory:
    """Makes training fail for more than `largest` replicas at once, and counts the calls."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, largest: int) -> None:
        self.heights: list[int] = []
        monkeypatch.setattr(vmap_module, "Lockstep", self.lockstep)
        self.largest = largest

    def lockstep(self, asked: Procedure, given: dict[int, Replica], *rest: Any) -> Lockstep:
        self.heights.append(len(given))
        if len(given) > self.largest:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 7 EiB")
        return Lockstep(asked, given, *rest)


def test_out_of_memory_halves_the_replicas_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    memory = SmallMemory(monkeypatch, largest=2)
    given = replicas([40, 39, 38, 37, 36, 35, 34])
    with caplog.at_level(logging.WARNING):
        runs = Vmap("cpu").run(procedure(update=SGD), given)
    assert memory.heights == [7, 3, 1, 1, 1, 1, 1, 1, 1]
    assert "out of memory with 7 replicas at once: going on with half" in caplog.text
    for run, reference in zip(runs, Sequential("cpu").run(procedure(), given), strict=True):
        assert_same_training(run, reference)


def test_out_of_memory_with_one_replica_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    SmallMemory(monkeypatch, largest=0)
    with pytest.raises(MemoryError, match=r"^a single replica does not fit: a smaller batch"):
        Vmap("cpu").run(procedure(), replicas([8]))


def test_other_errors_are_not_taken_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: Any) -> Lockstep:
        raise RuntimeError("a bug")

    monkeypatch.setattr(vmap_module, "Lockstep", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        Vmap("cpu").run(procedure(), replicas([8]))


def test_groups_hold_sizes_within_a_factor_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = SmallMemory(monkeypatch, largest=99)
    Vmap("cpu").run(procedure(epochs=1), replicas([5, 40, 10, 20, 19, 2]))
    assert memory.heights == [2, 2, 1, 1]


def test_groups_on_a_card_hold_sizes_within_a_factor_of_sixteen() -> None:
    """There a step of few replicas takes as long as one of many; large full batches do not."""
    on_card = Vmap("cuda")
    given = replicas([96, 48, 12, 6, 5])
    small, full = procedure(), procedure(batch=None)
    assert vmap_module._group(range(5), given, 99, on_card._spread(small, 9600)) == [0, 1, 2, 3]
    assert vmap_module._group(range(5), given, 99, on_card._spread(full, 9600)) == [0, 1]
    assert vmap_module._group(range(5), given, 99, on_card._spread(full, 96)) == [0, 1, 2, 3]
    assert Vmap("cpu")._spread(small, 96) == 2


class Recorded:
    """Stands in for a step on a device without numbers; says where what it is given lies."""

    def __init__(self, *, decomposes: bool) -> None:
        self.decomposes, self.places = decomposes, []  # type: ignore[var-annotated]
        self.net = SimpleNamespace(template=nn.Identity())

    def correct(self) -> None:
        """Not called."""

    def train(self, *arguments: Tensor) -> Tensor:
        self.places.append([each.device.type for each in arguments])
        return torch.zeros(2, device="meta")


@pytest.mark.parametrize(("decomposes", "place"), [(False, "meta"), (True, "cpu")])
def test_scalars_stay_on_the_host_where_it_decides_by_them(*, decomposes: bool, place: str) -> None:
    """What is due is known there: to read it from a device would wait for each step."""
    step = Recorded(decomposes=decomposes)
    meta = torch.zeros(2, 3, device="meta")
    stack = SimpleNamespace(weights=meta, rest=(), batch=lambda samples: (meta, samples))
    epoch = EpochSteps(
        np.zeros((1, 2, 3), np.int64), np.zeros((1, 2), np.int64), np.ones((1, 2, 4), np.float32)
    )
    Runner(step).train(stack, epoch)  # type: ignore[arg-type]
    assert step.places == [["meta", "meta", "meta", "meta", place]]


def test_an_epoch_is_planned_while_the_one_before_is_trained(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Before anything is read from the device."""
    told: list[str] = []
    for name in ("_steps_of", "_record"):
        method = getattr(Lockstep, name)
        monkeypatch.setattr(Lockstep, name, lambda *a, m=method, n=name: told.append(n) or m(*a))
    Vmap("cpu").run(procedure(epochs=3, criterion=2.0), replicas([40, 40]))
    assert told == ["_steps_of", "_steps_of", "_record", "_steps_of", "_record", "_record"]


class Attending(nn.Module):
    """One of torch's own layers of attention, over tokens of two numbers."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer, self.head = layer, nn.Linear(2, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.reshape(len(x), -1, 2)
        if isinstance(self.layer, nn.MultiheadAttention):
            mixed = self.layer(tokens, tokens, tokens, need_weights=False)[0]
        else:
            mixed = self.layer(tokens)
        logits: Tensor = self.head(mixed.mean(1))
        return logits


class Published(nn.Module):
    """Torchvision's vision transformer, as it is."""

    def __init__(self) -> None:
        super().__init__()
        self.net = VisionTransformer(4, 2, 1, 2, 4, 8, num_classes=CLASSES)
        nn.init.normal_(self.net.heads.head.weight)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.net(x[..., :4].expand(-1, 3, -1, -1))
        return logits


ATTENTION = [
    lambda: Attending(nn.MultiheadAttention(2, 1, batch_first=True)),
    lambda: Attending(nn.TransformerEncoderLayer(2, 1, 4, dropout=0.0, batch_first=True)),
    Published,
]


@pytest.mark.parametrize("module", ATTENTION)
@pytest.mark.parametrize("many", [1, 3])
def test_torchs_own_attention_trains_as_alone(module: object, many: int) -> None:
    """By gradients as they are: Adam would blow up that of a key's bias, which is all rounding."""
    asked = procedure(layers=None, module=module, epochs=3)
    assert Vmap("cpu").refuses(asked) is None
    assert_as_sequential(asked, replicas(SIZES[many]))
