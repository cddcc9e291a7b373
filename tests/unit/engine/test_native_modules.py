"""Users' modules trained by the kernels, beside the modules themselves in torch."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from tests.unit.engine.cases import assert_same_training
from tests.unit.engine.interrupted import assert_same_bits, to_the_end
from tests.unit.nets.batch_norms import BATCH_NORMED, batch_normed
from tests.unit.nets.chains import chains
from tests.unit.nets.lookalikes import ONLY_LOOK_KNOWN
from tests.unit.nets.own_modules import CLASSES, SHAPE, WRITTEN, Make, plain
from tests.unit.nets.traps import TRAPS
from torch import nn

from emc.engine import run_probes
from emc.engine.choose import back_end, native_refusal
from emc.engine.native import NativeBackEnd, kernel
from emc.engine.procedure import Procedure, Replica, Update
from emc.engine.sequential import Sequential
from emc.errors import EmcError
from emc.native.unavailable import UnavailableError
from emc.nets.recognise import recognised

SGD = Update("sgd", momentum=0.9)


def cnn() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(2, 3, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(48, 4, bias=False),
        nn.GELU(),
        nn.Linear(4, CLASSES),
    )


def procedure(make: Make, **changes: Any) -> Procedure:
    known = recognised(make, SHAPE, CLASSES)
    return replace(
        Procedure(CLASSES, SGD, module=known, batch=16, epochs=None, steps=50), **changes
    )


def replica(n: int = 37, lr: float = 0.01, seed: int = 3) -> Replica:
    draw = np.random.default_rng(seed)
    inputs = draw.normal(size=(n + 5, *SHAPE)).astype(np.float32)
    return Replica(inputs, draw.permutation(n + 5)[:n], draw.integers(0, CLASSES, n), seed, lr)


ADAM = Update("adam", weight_decay=0.01)


@pytest.mark.parametrize(
    ("make", "update"),
    [
        *((make, SGD) for make in (plain, cnn, *WRITTEN.values())),
        *((make, ADAM) for make in (plain, cnn, WRITTEN["residual"], WRITTEN["own attention"])),
    ],
)
def test_fifty_steps_are_those_of_the_module(make: Make, update: Update) -> None:
    """Adam only where no gradient is zero but for rounding, as that of a key's bias is."""
    asked = procedure(make, update=update)
    (found,) = NativeBackEnd().run(asked, [replica()])
    (expected,) = Sequential("cpu").run(asked, [replica()])
    assert_same_training(found, expected)


@pytest.mark.parametrize(
    ("name", "update"),
    [
        *((name, SGD) for name in BATCH_NORMED),
        *((name, ADAM) for name in BATCH_NORMED if name != "residual"),
    ],
)
def test_fifty_steps_with_batch_norms_are_those_of_the_module(name: str, update: Update) -> None:
    """Running statistics are among the parameters; batches of 5 to 16 samples.

    Adam only where no bias is before a batch norm: its gradient would be of rounding alone.
    """
    for order, n in (("stream", 37), ("ragged", 37), ("balanced", 50)):
        asked = procedure(BATCH_NORMED[name], update=update, order=order)
        (found,) = NativeBackEnd().run(asked, [replica(n)])
        (expected,) = Sequential("cpu").run(asked, [replica(n)])
        assert_same_training(found, expected)


@pytest.mark.parametrize("n", [2, 7, 150])
@pytest.mark.parametrize("name", BATCH_NORMED)
def test_batch_norms_over_all_samples(name: str, n: int) -> None:
    """Two samples, fewer than a vector has, and more than are evaluated at a time."""
    full = Update("gd", momentum=0.0)
    asked = procedure(BATCH_NORMED[name], steps=20, update=full, batch=None)
    (found,) = NativeBackEnd().run(asked, [replica(n)])
    (expected,) = Sequential("cpu").run(asked, [replica(n)])
    assert_same_training(found, expected)


@pytest.mark.parametrize("name", ["as it is", "mean of all batches"])
def test_running_statistics_go_on_from_every_step(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel, "_SLICE_SECONDS", 0.0)
    asked, given = procedure(BATCH_NORMED[name], steps=20), [replica(), replica(seed=4)]
    found, kills = to_the_end(lambda kept: NativeBackEnd().run(asked, given, kept))
    assert_same_bits(found, NativeBackEnd().run(asked, given))
    assert kills >= 38


@pytest.mark.parametrize(
    ("n", "changes", "why"),
    [
        (33, {"order": "ragged"}, "a batch norm has a batch of one sample"),
        (9, {"batch": 1}, "a batch norm has a batch of one sample"),
        (1, {}, "a batch norm has a batch of one sample"),
    ],
)
def test_a_batch_of_one_sample_is_left_to_torch(
    n: int, changes: dict[str, Any], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    asked = procedure(batch_normed(), **changes)
    with pytest.raises(UnavailableError, match=why):
        NativeBackEnd().run(asked, [replica(n)])
    with pytest.raises(EmcError, match=r"Sequential fails in training on a batch of 1 of \d+ sam"):
        run_probes(asked, [replica(n)])
    assert f"gives way to the next: {why}" in caplog.text


def test_a_lone_image_is_a_batch_to_a_norm_over_channels() -> None:
    def make() -> nn.Module:
        body = nn.Conv2d(2, 3, 3, bias=False), nn.BatchNorm2d(3), nn.Flatten()
        return nn.Sequential(*body, nn.Linear(108, CLASSES))

    asked = procedure(make, order="ragged")
    (found,) = NativeBackEnd().run(asked, [replica(33)])
    (expected,) = Sequential("cpu").run(asked, [replica(33)])
    assert_same_training(found, expected)


def test_batches_that_take_too_much_memory_are_left_to_torch() -> None:
    asked = procedure(batch_normed(), batch=None)
    with pytest.raises(
        UnavailableError, match=r"take 300,000 samples together, of \d+,\d+,000 numbers, more than"
    ):
        NativeBackEnd().run(asked, [replica(300_000)])


@given(make=chains())
@settings(max_examples=5, deadline=None)
def test_a_few_steps_of_chains_are_those_of_the_module(make: Make) -> None:
    asked = procedure(make, steps=5, update=Update("gd", momentum=0.0), batch=None)
    (found,) = NativeBackEnd().run(asked, [replica(n=70)])
    (expected,) = Sequential("cpu").run(asked, [replica(n=70)])
    for name, values in expected.parameters.items():
        np.testing.assert_allclose(found.parameters[name], values, atol=2e-5, err_msg=name)


def test_the_best_back_end_trains_a_known_module() -> None:
    (found,) = run_probes(procedure(plain), [replica()])
    assert found.back_end == "native"
    assert set(found.parameters) == {"1.weight", "1.bias", "3.weight", "3.bias"}


@pytest.mark.parametrize("name", ONLY_LOOK_KNOWN)
def test_no_kernel_trains_a_module_that_only_looks_known(name: str) -> None:
    asked = procedure(ONLY_LOOK_KNOWN[name])
    assert back_end(asked, "cpu").name != "native"
    why = native_refusal(asked, "cpu", None)
    assert why is not None
    assert why.startswith("the kernels do not know the net: ")


@pytest.mark.parametrize(
    "name",
    [
        *("tensor hook", "step hook", "shared memory", "frozen", "tied", "pruned", "detached"),
        *("a private count", "a count in a tensor", "a count in a closure", "an iterator"),
        *("a layer in a list", "a derivative of its own", "parameters of its own", "freezing"),
    ],
)
def test_what_is_not_known_is_trained_as_by_itself(name: str) -> None:
    asked = procedure({**ONLY_LOOK_KNOWN, **TRAPS}[name], steps=20)
    replicas = [replica(n=19), replica(n=23, seed=4)]
    found, expected = run_probes(asked, replicas), Sequential("cpu").run(asked, replicas)
    for one, other in zip(found, expected, strict=True):
        for key, values in other.parameters.items():
            np.testing.assert_allclose(one.parameters[key], values, atol=1e-5, err_msg=key)


def leaky() -> nn.Module:
    """Its slope is drawn: the two nets that are looked at have the usual one."""
    slope = 0.01 if torch.rand(()) > 0.2 else 0.5
    return nn.Sequential(*plain()[:2], nn.LeakyReLU(slope), nn.Linear(6, CLASSES))


def test_a_net_of_another_kind_than_those_looked_at_is_left_to_torch(
    caplog: pytest.LogCaptureFixture,
) -> None:
    asked = procedure(leaky, steps=20)
    given = [replica(seed=seed) for seed in range(4)]
    found, expected = run_probes(asked, given), Sequential("cpu").run(asked, given)
    for one, other in zip(found, expected, strict=True):
        for name, values in other.parameters.items():
            np.testing.assert_allclose(one.parameters[name], values, atol=1e-5, err_msg=name)
    why = "the native back end gives way to the next: nets of the factory differ"
    assert f"{why}: '2.negative_slope' is 0.5 in one and 0.01 in another" in caplog.text


def test_why_no_kernel_trains() -> None:
    asked = procedure(plain)
    assert native_refusal(asked, "cpu", None) is None
    assert native_refusal(asked, "cpu", "vmap") == "the back end 'vmap' is asked for"
    assert "the device is 'cuda'" in str(native_refusal(asked, "cuda", None))
    shampoo = replace(asked, update=Update("shampoo", momentum=0.0))
    assert "no rule for the optimizer 'shampoo'" in str(native_refusal(shampoo, "cpu", None))
