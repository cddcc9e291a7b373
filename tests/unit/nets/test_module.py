"""Modules made of layers against closed forms, numpy and torch's own layers."""

from math import erf, exp, prod, tanh
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from torch import nn

from emc.activations import ACTIVATIONS
from emc.errors import EmcError
from emc.nets import Conv, Dense, initial
from emc.nets.activation import FUNCTIONS
from emc.nets.layers import layers_of
from emc.nets.module import load, module
from emc.study.architectures import Architecture

CASES = [
    ({"name": "linear"}, (7,)),
    ({"name": "linear", "bias": False}, (1, 3, 2)),
    ({"name": "mlp", "width": 5, "depth": 1}, (6,)),
    ({"name": "mlp", "width": 3, "depth": 4}, (2, 3, 3)),
    ({"name": "cnn", "width": 2, "depth": 1}, (1, 2, 2)),
    ({"name": "cnn", "width": 3, "depth": 2}, (3, 9, 11)),
]


def made(entry: dict[str, Any], shape: tuple[int, ...], classes: int = 4) -> nn.Module:
    architecture = TypeAdapter(Architecture).validate_python(entry)
    return module(layers_of(architecture, "relu", shape, classes))  # type: ignore[arg-type]


@pytest.mark.parametrize(("entry", "shape"), CASES)
def test_has_as_many_parameters_as_the_study_says(
    entry: dict[str, Any], shape: tuple[int, ...]
) -> None:
    architecture = TypeAdapter(Architecture).validate_python(entry)
    count = sum(parameter.numel() for parameter in made(entry, shape).parameters())
    assert count == architecture.parameters(shape, 4)


@pytest.mark.parametrize(("entry", "shape"), CASES)
def test_names_and_shapes_are_those_of_the_initial_parameters(
    entry: dict[str, Any], shape: tuple[int, ...]
) -> None:
    architecture = TypeAdapter(Architecture).validate_python(entry)
    start = initial(layers_of(architecture, "relu", shape, 4), "torch", np.random.default_rng(0))  # type: ignore[arg-type]
    net = made(entry, shape)
    load(net, start)
    held = {name: tensor.numpy() for name, tensor in net.state_dict().items()}
    assert list(held) == list(start)
    for name, values in start.items():
        np.testing.assert_array_equal(held[name], values)


@pytest.mark.parametrize(("entry", "shape"), CASES)
@pytest.mark.parametrize("batch", [1, 3])
def test_logits_are_batch_by_classes(
    entry: dict[str, Any], shape: tuple[int, ...], batch: int
) -> None:
    assert made(entry, shape)(torch.zeros(batch, *shape)).shape == (batch, 4)


def test_dense_layers_multiply_add_and_activate() -> None:
    draw = np.random.default_rng(1)
    layers = (Dense(6, 4, True, "tanh"), Dense(4, 3, False, "identity"))
    start = initial(layers, "torch", draw)
    x = draw.normal(size=(5, 2, 3)).astype(np.float32)
    hidden = np.tanh(x.reshape(5, 6) @ start["0.weight"].T + start["0.bias"])
    net = module(layers)
    load(net, start)
    with torch.no_grad():
        found = net(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(found, hidden @ start["1.weight"].T, rtol=1e-5)


def naive_convolution(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Loop over pixels: pad by one, 3x3 products, ReLU, then the largest of each 2x2 square."""
    channels, height, width = len(weight), *x.shape[1:]
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    image = np.zeros((channels, height, width))
    for c, i, j in np.ndindex(image.shape):
        image[c, i, j] = max(0.0, (padded[:, i : i + 3, j : j + 3] * weight[c]).sum() + bias[c])
    pooled = np.zeros((channels, height // 2, width // 2))
    for c, i, j in np.ndindex(pooled.shape):
        pooled[c, i, j] = image[c, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].max()
    return pooled


def test_convolutions_pad_activate_and_pool() -> None:
    draw = np.random.default_rng(2)
    layers = (Conv(2, 3, 5, 6, "relu"), Dense(18, 2, True, "identity"))
    start = initial(layers, "torch", draw)
    x = draw.normal(size=(2, 5, 6)).astype(np.float32)
    flat = naive_convolution(x, start["0.weight"], start["0.bias"]).ravel()
    net = module(layers)
    load(net, start)
    with torch.no_grad():
        found = net(torch.from_numpy(x)[None]).numpy()[0]
    np.testing.assert_allclose(found, start["1.weight"] @ flat + start["1.bias"], rtol=1e-4)


CLOSED_FORMS = {
    "relu": lambda x: max(x, 0.0),
    "leaky-relu": lambda x: x if x > 0 else 0.01 * x,
    "gelu": lambda x: x * 0.5 * (1 + erf(x / 2**0.5)),
    "silu": lambda x: x / (1 + exp(-x)),
    "tanh": tanh,
    "sigmoid": lambda x: 1 / (1 + exp(-x)),
    "identity": lambda x: x,
}


def test_every_activation_of_a_study_exists() -> None:
    assert set(ACTIVATIONS) == set(FUNCTIONS) == set(CLOSED_FORMS)


@pytest.mark.parametrize("name", ACTIVATIONS)
@given(x=st.floats(-20, 20))
def test_activations_have_their_closed_form(name: str, x: float) -> None:
    found = FUNCTIONS[name](torch.tensor(x, dtype=torch.float64)).item()
    assert found == pytest.approx(CLOSED_FORMS[name](x), rel=1e-12, abs=1e-15)


def test_loading_keeps_the_dtype_of_the_net() -> None:
    layers = (Dense(2, 2, True, "identity"),)
    net = module(layers).double()
    load(net, initial(layers, "torch", np.random.default_rng(0)))
    assert {tensor.dtype for tensor in net.parameters()} == {torch.float64}


def test_loading_takes_buffers_but_does_not_ask_for_them() -> None:
    net = nn.BatchNorm1d(2)
    ones = np.ones(2, dtype=np.float32)
    load(net, {"weight": ones, "bias": ones, "running_mean": 3 * ones})
    assert net.running_mean is not None
    assert net.running_mean.tolist() == [3.0, 3.0]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"0.weight": np.zeros((2, 3))}, r"expected 0.weight, 0.bias, found 0.weight$"),
        (
            {"0.weight": np.zeros((2, 3)), "0.bias": np.zeros(2), "1.bias": np.zeros(2)},
            r"found 0.weight, 0.bias, 1.bias$",
        ),
        (
            {"0.weight": np.zeros((3, 2)), "0.bias": np.zeros(2)},
            r"'0.weight': expected the shape \(2, 3\), found \(3, 2\)",
        ),
    ],
)
def test_parameters_of_another_net_are_refused(
    parameters: dict[str, np.ndarray], message: str
) -> None:
    with pytest.raises(EmcError, match=message):
        load(module((Dense(3, 2, True, "identity"),)), parameters)


@pytest.mark.parametrize("rule", ["scaled-normal", "torch"])
def test_initial_weights_have_the_variance_of_their_rule(rule: str) -> None:
    layers = (Dense(400, 300, True, "relu"),)
    start = initial(layers, rule, np.random.default_rng(3))
    variance = 2 / 400 if rule == "scaled-normal" else 1 / 3 / 400
    count = prod(start["0.weight"].shape)
    # The relative standard error of a variance of count values is sqrt(2 / count) for a normal.
    slack = 6 * (2 / count) ** 0.5
    assert start["0.weight"].var() == pytest.approx(variance, rel=slack)
    assert abs(start["0.weight"].mean()) < 6 * (variance / count) ** 0.5
    assert (start["0.bias"] == 0).all() == (rule == "scaled-normal")
