"""The native kernels of vision transformers against float64 torch and the sequential back end."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.unit.engine.cases import assert_same_training
from tests.unit.engine.interrupted import assert_same_bits, to_the_end
from tests.unit.engine.native_reference import agree, compile_for
from torch.nn import functional

from emc.engine.fresh import fresh
from emc.engine.native import NativeBackEnd, back_end, kernel
from emc.engine.procedure import Procedure, Replica, TrainedRun, Update
from emc.engine.sequential import Sequential
from emc.errors import EmcError
from emc.nets.build import Factory, Reparameterisation, net
from emc.nets.module import load
from emc.study.activation import PluginActivation
from emc.study.architectures import Vit
from emc.study.parameterisation import LowRank

SGD = Update("sgd", momentum=0.9)


def vit(activation: str, shape: tuple[int, ...], classes: int = 3, **sizes: int) -> Factory:
    made = net(Vit(name="vit", **sizes), activation, "torch", shape, classes)
    assert isinstance(made, Factory)
    return made


SMALL = vit("gelu", (1, 8, 8), width=12, depth=2)
WHOLE_IMAGE = vit("relu", (3, 6, 6), width=5, depth=1, heads=1, patch=6)
NETS = [
    SMALL,
    WHOLE_IMAGE,
    vit("tanh", (3, 6, 6), classes=17, width=18, depth=3, heads=2, patch=2),
    vit("silu", (1, 4, 4), width=36, depth=1, heads=4, patch=1),
    vit("leaky-relu", (2, 3, 3), classes=2, width=7, depth=2, heads=1, patch=1),
    vit("sigmoid", (1, 10, 10), width=24, depth=1, patch=5),
    vit("identity", (1, 6, 6), width=4, depth=2, heads=4, patch=3),
]
"""Tokens of 2 to 17 patches, heads of 1 to 12 numbers, widths beside and of whole vectors."""


def name(factory: Factory) -> str:
    return str(factory.activation)


def replica(made: Factory, n: int, lr: float = 0.05, seed: int = 3) -> Replica:
    draw = np.random.default_rng((seed, n))
    inputs = draw.normal(size=(n + 11, *made.shape)).astype(np.float32)
    labels = draw.integers(0, made.classes, n)
    return Replica(inputs, draw.permutation(n + 11)[:n], labels, seed, lr)


def procedure(made: Factory = SMALL, **changes: Any) -> Procedure:
    return replace(Procedure(made.classes, SGD, module=made, batch=16, epochs=4), **changes)


def run(asked: Procedure, *samples: Replica) -> list[TrainedRun]:
    return NativeBackEnd().run(asked, samples)


@pytest.mark.parametrize("n", [1, 21])
@pytest.mark.parametrize("made", NETS, ids=name)
def test_a_step_is_along_the_gradient(
    made: Factory, n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From weights among which none is zero, as those of a fresh head are."""
    asked = procedure(
        made, update=Update("gd", momentum=0.0), batch=None, epochs=1, label_smoothing=0.1
    )
    sample = replica(made, n, lr=1.0)
    reference = fresh(asked, sample.seed).double()
    draw = np.random.default_rng(5)
    before = {
        name: (weight.detach().numpy() + 0.3 * draw.normal(size=weight.shape)).astype(np.float32)
        for name, weight in reference.named_parameters()
    }
    monkeypatch.setattr(back_end, "start", lambda *_: before)
    (found,) = run(asked, sample)
    load(reference, before)
    x = torch.from_numpy(sample.inputs[sample.rows]).double()
    logits = reference(x)
    functional.cross_entropy(
        logits, torch.from_numpy(sample.labels), label_smoothing=0.1
    ).backward()
    for key, weight in reference.named_parameters():
        assert weight.grad is not None
        stepped = before[key] - found.parameters[key].astype(np.float64)
        np.testing.assert_allclose(stepped, weight.grad.numpy(), atol=3e-6, rtol=1e-5, err_msg=key)


@pytest.mark.parametrize("made", NETS, ids=name)
def test_epochs_of_every_activation_and_size(made: Factory) -> None:
    agree(procedure(made), replica(made, 50))


@pytest.mark.parametrize(
    ("update", "lr"),
    [
        (Update("sgd", momentum=0.0), 0.1),
        (Update("sgd", momentum=0.8, nesterov=True, weight_decay=0.01), 0.05),
        (Update("gd", momentum=0.9, weight_decay=0.003), 0.1),
        (Update("adam", beta1=0.5, beta2=0.9, epsilon=1e-4, weight_decay=0.03), 0.003),
        (Update("adam", epsilon=1e-4), 0.003),
        (Update("adamw", epsilon=1e-4, weight_decay=0.1), 0.003),
    ],
)
def test_optimizers(update: Update, lr: float) -> None:
    """With a large epsilon: the biases of keys have no gradient, and Adam would follow rounding."""
    asked = procedure(update=update, batch=None if update.name == "gd" else 16)
    agree(asked, replica(SMALL, 50, lr), tolerance=1e-4)


@pytest.mark.parametrize("order", ["stream", "balanced", "ragged"])
@pytest.mark.parametrize("n", [1, 15, 16, 17, 47])
def test_orders(order: str, n: int) -> None:
    agree(procedure(order=order, schedule="cosine", warmup=0.3), replica(SMALL, n))


@pytest.mark.parametrize(
    "changes",
    [{"loss": "squared-error"}, {"label_smoothing": 0.2}, {"steps": 9, "epochs": None}],
)
def test_losses_and_budgets(changes: dict[str, Any]) -> None:
    agree(procedure(WHOLE_IMAGE, **changes), replica(WHOLE_IMAGE, 40))


@pytest.mark.parametrize("made", NETS[:2], ids=name)
def test_batches_larger_than_a_chunk(made: Factory) -> None:
    agree(procedure(made, batch=300, epochs=2), replica(made, 411))


def test_runs_are_those_of_the_sequential_back_end() -> None:
    asked = procedure(epochs=60)
    samples = [replica(SMALL, n) for n in (1, 8, 30)]
    expected = Sequential("cpu").run(asked, samples)
    for found, reference in zip(run(asked, *samples), expected, strict=True):
        assert_same_training(found, reference, tolerance=1e-2)
        assert list(found.parameters) == list(reference.parameters)
        assert found.back_end == "native"


@pytest.mark.parametrize("update", [SGD, Update("adamw", weight_decay=0.1)])
def test_it_goes_on_from_every_step(update: Update, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "_SLICE_SECONDS", 0.0)
    asked, samples = procedure(update=update, epochs=3), [replica(SMALL, n) for n in (40, 1, 17)]
    expected = run(asked, *samples)
    found, kills = to_the_end(lambda kept: NativeBackEnd().run(asked, samples, kept))
    assert kills == sum(one.steps for one in expected)
    assert_same_bits(found, expected)


@pytest.mark.parametrize("target", ["x86-64", "x86-64-v3"])
def test_other_vector_widths_agree(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compile_for(target, tmp_path, monkeypatch)
    agree(procedure(epochs=3), replica(SMALL, 50))


def test_a_diverging_run_says_so() -> None:
    (found,) = run(procedure(), replica(SMALL, 40, lr=1e30))
    assert found.ended == "diverged"


def user_factory() -> torch.nn.Module:
    return SMALL()


@pytest.mark.parametrize(
    ("module", "changes", "reason"),
    [
        (user_factory, {}, "the net is a module, not layers"),
        (Reparameterisation(SMALL, LowRank(name="low-rank", rank=1), "torch"), {}, "is a module"),
        (vit("gelu", (3, 224, 224), width=192, depth=12, heads=3, patch=16), {}, "numbers, more"),
        (vit("gelu", (1, 28, 28), width=8, depth=3, patch=1), {}, "numbers, more than 5,000,000"),
        (
            replace(SMALL, activation=PluginActivation.model_construct(name="mine")),
            {},
            "a known activation",
        ),
        (replace(SMALL, activation="elu"), {}, "the activation is 'elu'"),
        (replace(SMALL, classes=4), {}, "logits of 4 classes, not of 3"),
        (SMALL, {"update": Update("shampoo", momentum=0.0)}, "no rule for the optimizer 'shampoo'"),
    ],
)
def test_what_it_leaves_to_others(
    module: Callable[[], torch.nn.Module], changes: dict[str, Any], reason: str
) -> None:
    asked = replace(procedure(), module=module, **changes)
    assert reason in (NativeBackEnd().refuses(asked) or "")


@pytest.mark.parametrize("shape", [(1, 8, 9), (3, 8, 8), (64,)])
def test_images_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    sample = replace(replica(SMALL, 5), inputs=np.zeros((16, *shape), np.float32))
    with pytest.raises(EmcError, match="inputs: expected images of 1x8x8, found shape"):
        run(procedure(), sample)
