"""The operator in compiled kernels against numpy's and against automatic derivatives."""

from dataclasses import replace
from itertools import pairwise
from math import prod

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.curvature.nets import (
    OBJECTIVES,
    PLAIN,
    cnn,
    mlp,
    parameters,
    reference_hessian,
    samples,
    state,
)
from torch import nn
from torch.nn import functional

from emc.activations import ACTIVATIONS
from emc.curvature.autograd import AutogradOperator
from emc.curvature.native import NativeOperator, refusal
from emc.curvature.objective import Objective
from emc.curvature.operator import Operator
from emc.curvature.written.operator import WrittenOperator
from emc.errors import EmcError
from emc.nets.activation import FUNCTIONS, ActivationLayer
from emc.nets.build import as_known, net
from emc.nets.layers import Conv, Dense, Layers
from emc.nets.module import module
from emc.nets.transformer import Transformer
from emc.study.architectures import Vit

EXACT, ROUGH = 1e-12, 1e-4
LENGTHS = st.sampled_from([1, 2, 7, 8, 9, 31, 64, 65])
"""Samples: fewer than a vector holds, whole vectors, and some over."""


def difference(found: np.ndarray, expected: np.ndarray) -> float:
    """Relative to the norm of all; absolute where that is nothing but rounding."""
    return float(np.linalg.norm(found - expected) / max(np.linalg.norm(expected), 1e-3))


def agree(found: Operator, expected: Operator, bound: float) -> None:
    one, other = found.first_order(), expected.first_order()
    assert one.loss == pytest.approx(other.loss, rel=bound, abs=bound)
    assert one.accuracy == other.accuracy
    assert difference(one.gradient, other.gradient) < bound
    vectors = np.random.default_rng(5).normal(size=(2, len(expected.parameters)))
    assert difference(found.products(vectors), expected.products(vectors)) < bound


@st.composite
def layered_nets(draw: st.DrawFn) -> Layers:
    """Dense layers of any sizes, with up to two convolutions before them."""
    activation = st.sampled_from(list(ACTIVATIONS))
    shape = draw(st.tuples(st.integers(1, 3), st.integers(4, 9), st.integers(4, 9)))
    layers: list[Dense | Conv] = []
    for _ in range(draw(st.integers(0, 2))):
        channels = draw(st.integers(1, 9))
        layers.append(
            Conv(*(shape[0], channels, *shape[1:]), draw(activation), draw(st.booleans()))
        )
        shape = (channels, shape[1] // 2, shape[2] // 2)
    sizes = [shape[0] * shape[1] * shape[2], *draw(st.lists(st.integers(1, 20), max_size=3))]
    hidden = [Dense(a, b, draw(st.booleans()), draw(activation)) for a, b in pairwise(sizes)]
    last = Dense(sizes[-1], draw(st.integers(1, 5)), draw(st.booleans()), "identity")
    return (*layers, *hidden, last)


@st.composite
def operators(draw: st.DrawFn, precision: str) -> tuple[NativeOperator, WrittenOperator]:
    layers = draw(layered_nets())
    first = layers[0]
    shape = (
        (first.inputs, first.height, first.width) if isinstance(first, Conv) else (first.inputs,)
    )
    seed = draw(st.integers(0, 99))
    data = samples(draw(LENGTHS), *shape, classes=layers[-1].outputs, seed=seed)
    written = WrittenOperator(
        layers, parameters(layers, seed), *data, draw(st.sampled_from(OBJECTIVES))
    )
    return NativeOperator(layers, written, *data, precision=precision), written


@given(both=operators("float64"))
@settings(max_examples=150, deadline=None)
def test_any_layered_net_agrees_with_numpy(both: tuple[NativeOperator, WrittenOperator]) -> None:
    agree(*both, EXACT)


class Rounded(nn.Module):
    """Layers with kinks rounded off over widths, written with torch's functions alone."""

    def __init__(self, layers: Layers, widths: np.ndarray) -> None:
        super().__init__()
        self.layers, self.widths = layers, widths

    def forward(self, flat: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        start = 0
        for layer, width in zip(self.layers, self.widths, strict=True):
            weight = flat[start : start + prod(layer.weight_shape)].reshape(layer.weight_shape)
            start += weight.numel()
            bias = flat[start : start + layer.outputs] if layer.bias else None
            start += 0 if bias is None else layer.outputs
            if isinstance(layer, Conv):
                x = self.pooled(functional.conv2d(x, weight, bias, padding=1), layer, width)
            else:
                x = self.bent(functional.linear(x.flatten(1), weight, bias), layer, width)
        return x

    def larger(self, a: torch.Tensor, b: torch.Tensor, width: float) -> torch.Tensor:
        return (a + b + ((a - b) ** 2 + width**2) ** 0.5) / 2

    def bent(self, z: torch.Tensor, layer: Dense | Conv, width: float) -> torch.Tensor:
        jump = ACTIVATIONS[layer.activation].jump
        if not jump:
            return FUNCTIONS[layer.activation](z)
        return (1 - jump) * z + jump * self.larger(z, torch.zeros_like(z), width)

    def pooled(self, z: torch.Tensor, layer: Dense | Conv, width: float) -> torch.Tensor:
        rises = ACTIVATIONS[layer.activation].rises
        y = z if rises else self.bent(z, layer, width)
        high, wide = y.shape[2] // 2 * 2, y.shape[3] // 2 * 2
        corners = [y[:, :, i:high:2, j:wide:2] for i in range(2) for j in range(2)]
        upper = self.larger(corners[0], corners[1], width)
        lower = self.larger(corners[2], corners[3], width)
        largest = self.larger(upper, lower, width)
        return self.bent(largest, layer, width) if rises else largest


@given(layers=layered_nets(), width=st.floats(1e-2, 3.0), seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_rounded_kinks_agree_with_automatic_derivatives(
    layers: Layers, width: float, seed: int
) -> None:
    first = layers[0]
    shape = (
        (first.inputs, first.height, first.width) if isinstance(first, Conv) else (first.inputs,)
    )
    inputs, labels = samples(9, *shape, classes=layers[-1].outputs, seed=seed)
    written = WrittenOperator(layers, parameters(layers, seed), inputs, labels, PLAIN)
    widths = width * np.arange(1, len(layers) + 1)
    rounded = NativeOperator(layers, written, inputs, labels).rounded(widths)
    assert rounded is not None
    reference, x = Rounded(layers, widths), torch.from_numpy(inputs).double()

    def loss(flat: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(reference(flat, x), torch.from_numpy(labels))

    point = torch.from_numpy(written.parameters)
    vectors = np.random.default_rng(5).normal(size=(2, len(written.parameters)))
    found = rounded.first_order()
    assert found.loss == pytest.approx(float(loss(point)), rel=1e-10)
    assert difference(found.gradient, torch.func.grad(loss)(point).numpy()) < 1e-9
    for vector, product in zip(torch.from_numpy(vectors), rounded.products(vectors), strict=True):
        along = torch.func.grad(lambda flat, v=vector: torch.func.grad(loss)(flat) @ v)(point)
        assert difference(product, along.numpy()) < 1e-8
    in_numpy = written.rounded(widths)
    assert (in_numpy is None) == any(isinstance(layer, Conv) for layer in layers)
    if in_numpy is not None:
        agree(rounded, in_numpy, 1e-10)


@given(both=operators("float64"))
@settings(max_examples=20, deadline=None)
def test_kinks_stay_where_nothing_is_rounded_off(
    both: tuple[NativeOperator, WrittenOperator],
) -> None:
    native, _ = both
    assert native.kinks is not None
    layers = len(native.kinks.net)
    elsewhere = native.parameters + 0.1
    sharp, wide = native.rounded(np.zeros(layers)), native.rounded(np.ones(layers))
    assert sharp is not None
    assert wide is not None
    agree(sharp, native, 1e-15)
    again = wide.at(elsewhere).rounded(np.zeros(layers))
    assert again is not None
    agree(again, native.at(elsewhere), 1e-15)


@given(both=operators("float32"))
@settings(max_examples=50, deadline=None)
def test_float32_agrees_within_its_rounding(
    both: tuple[NativeOperator, WrittenOperator],
) -> None:
    native, written = both
    one, other = native.first_order(), written.first_order()
    assert one.loss == pytest.approx(other.loss, rel=ROUGH, abs=ROUGH)
    assert one.gradient.dtype == np.float64


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize(("made", "shape"), [(mlp, (6,)), (cnn, (2, 7, 9))])
def test_agrees_with_automatic_derivatives(
    made: object, shape: tuple[int, ...], activation: str, precision: str
) -> None:
    layers = made(activation)  # type: ignore[operator]
    data, objective = samples(33, *shape), Objective(label_smoothing=0.1, weight_decay=0.03)
    automatic = AutogradOperator(module(layers), parameters(layers), *data, objective)
    native = NativeOperator(layers, automatic, *data, precision=precision)
    agree(native, automatic, EXACT if precision == "float64" else ROUGH)


def operator(layers: Layers, n: int, *shape: int, threads: int = 1) -> NativeOperator:
    data = samples(n, *shape)
    written = WrittenOperator(layers, parameters(layers), *data, PLAIN)
    return NativeOperator(layers, written, *data, threads=threads)


def test_another_point_is_evaluated_there_and_this_one_stays() -> None:
    layers = mlp()
    here = operator(layers, 20, 6)
    before = here.first_order()
    there = here.at(here.parameters + 0.1)
    expected = WrittenOperator(layers, parameters(layers), *samples(20, 6), PLAIN).at(
        there.parameters
    )
    agree(there, expected, EXACT)
    np.testing.assert_allclose(there.dense(), expected.dense(), atol=1e-14)
    np.testing.assert_array_equal(here.first_order().gradient, before.gradient)


@pytest.mark.parametrize("threads", [1, 3])
def test_the_same_call_gives_the_same_bits(threads: int) -> None:
    some = operator(cnn(), 200, 2, 7, 9, threads=threads)
    vectors = np.random.default_rng(2).normal(size=(2, len(some.parameters)))
    first, again = some.first_order(), some.first_order()
    assert first.loss == again.loss
    np.testing.assert_array_equal(first.gradient, again.gradient)
    np.testing.assert_array_equal(some.products(vectors), some.products(vectors))
    np.testing.assert_array_equal(some.products(vectors)[1:], some.products(vectors[1:]))


def test_threads_change_nothing_but_rounding() -> None:
    agree(operator(cnn(), 200, 2, 7, 9, threads=3), operator(cnn(), 200, 2, 7, 9), EXACT)


def test_gradient_keeps_its_digits_where_the_loss_is_almost_zero() -> None:
    """Against the gradient in exact arithmetic for two classes: g = sigmoid(-margin) x."""
    layers = (Dense(1, 2, False, "identity"),)
    weights = {"0.weight": np.array([[20.0], [-20.0]], np.float32)}
    inputs, labels = np.ones((1, 1), np.float32), np.array([0])
    written = WrittenOperator(layers, weights, inputs, labels, PLAIN)
    gradient = NativeOperator(layers, written, inputs, labels).first_order().gradient
    tail = np.exp(-40.0) / (1 + np.exp(-40.0))
    np.testing.assert_allclose(gradient, [-tail, tail], rtol=1e-13)


def test_the_first_of_equal_logits_is_the_answer() -> None:
    layers = (Dense(1, 3, False, "identity"),)
    weights = {"0.weight": np.array([[1.0], [2.0], [2.0]], np.float32)}
    inputs, labels = np.ones((3, 1), np.float32), np.array([0, 1, 2])
    written = WrittenOperator(layers, weights, inputs, labels, PLAIN)
    assert NativeOperator(layers, written, inputs, labels).first_order().accuracy == 1 / 3


def test_a_loss_that_is_not_finite_says_so() -> None:
    some = operator(mlp(), 5, 6)
    point = some.at(np.full_like(some.parameters, 1e300)).first_order()
    assert not np.isfinite(point.loss)


def test_vectors_and_points_of_another_length() -> None:
    some = operator(mlp(), 5, 6)
    with pytest.raises(EmcError, match=r"point: expected 84 parameters, found the shape \(83,\)"):
        some.at(some.parameters[1:])
    with pytest.raises(
        EmcError, match=r"vectors: expected rows of 84 numbers, found the shape \(2, 83\)"
    ):
        some.products(np.ones((2, 83)))


@pytest.mark.parametrize(
    ("layers", "shape", "reason"),
    [
        (mlp("tan"), (5, 6), "the activation is 'tan', not one of relu"),
        (mlp(), (5, 7), "inputs of shape (7,) do not fit Dense(inputs=6"),
        (cnn(), (5, 2, 9, 7), "inputs of shape (2, 9, 7) do not fit Conv(inputs=2"),
        (mlp(), (1 << 26, 6), "the samples take 3,221,225,472 bytes, more than 2,147,483,648"),
        ((Dense(6, 4, True, "relu"),), (5, 6), "the last layer is not dense without"),
        ((Dense(6, 4, True, "relu"), Dense(5, 4, True, "identity")), (5, 6), "cannot follow"),
        ((Conv(1, 2, 1, 4, "relu"), Dense(0, 4, True, "identity")), (5, 1, 1, 4), "cannot follow"),
    ],
)
def test_what_the_kernels_refuse(layers: Layers, shape: tuple[int, ...], reason: str) -> None:
    found = refusal(layers, shape, "float64")
    assert found is not None
    assert reason in found


def test_a_refused_net_is_not_evaluated() -> None:
    inputs, labels = samples(5, 6)
    written = WrittenOperator(mlp(), parameters(mlp()), inputs, labels, PLAIN)
    with pytest.raises(EmcError, match="the native kernels cannot evaluate this net: the activa"):
        NativeOperator(mlp("tan"), written, inputs, labels)


VIT = Transformer(3, 6, 2, depth=2, width=12, heads=3, activation="gelu", classes=7)


def vit(sizes: Transformer) -> nn.Module:
    """A module of these sizes, of whose parameters none is at its initial zero or one."""
    architecture = Vit(
        name="vit", depth=sizes.depth, width=sizes.width, heads=sizes.heads, patch=sizes.patch
    )
    shape = (sizes.colours, sizes.side, sizes.side)
    factory = net(architecture, sizes.activation, "torch", shape, sizes.classes)
    assert as_known(factory) == sizes
    torch.manual_seed(1)
    made = factory()
    for value in made.parameters():
        value.data += 0.1 * torch.randn_like(value)
    return made


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize(
    ("sizes", "n"),
    [
        (VIT, 9),
        (replace(VIT, depth=1, patch=6, activation="relu"), 1),
        (replace(VIT, colours=1, width=8, heads=1, activation="tanh"), 70),
    ],
)
def test_a_vision_transformer_agrees_with_automatic_derivatives(
    sizes: Transformer, n: int, precision: str, objective: Objective
) -> None:
    made = vit(sizes)
    data = samples(n, sizes.colours, sizes.side, sizes.side, classes=sizes.classes)
    automatic = AutogradOperator(made, state(made), *data, objective)
    native = NativeOperator(sizes, automatic, *data, precision=precision)
    agree(native, automatic, EXACT if precision == "float64" else ROUGH)


class RoundedRelu(nn.Module):
    """ReLU with its kink rounded off over a width; remembers the mean size of its inputs."""

    def __init__(self, width: float) -> None:
        super().__init__()
        self.width, self.mean_size = width, 0.0

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        self.mean_size = float(z.detach().abs().mean())
        return torch.relu(z) if self.width == 0 else (z + (z * z + self.width**2).sqrt()) / 2


def with_rounded_relus(made: nn.Module, widths: list[float]) -> list[RoundedRelu]:
    """Put them in place of a transformer's ReLUs."""
    replaced = [RoundedRelu(width) for width in widths]
    homes = [
        (home, name)
        for home in made.modules()
        for name, each in home.named_children()
        if isinstance(each, ActivationLayer)
    ]
    for (home, name), each in zip(homes, replaced, strict=True):
        setattr(home, name, each)
    return replaced


@pytest.mark.parametrize("widths", [[0.2, 0.05], [0.0, 0.3], [0.0, 0.0]])
@pytest.mark.parametrize("n", [1, 21])
def test_rounded_kinks_of_a_transformer_agree_with_automatic_derivatives(
    widths: list[float], n: int
) -> None:
    sizes = replace(VIT, activation="relu")
    made, data = vit(sizes), samples(n, 3, 6, 6, classes=7)
    known = NativeOperator(sizes, AutogradOperator(made, state(made), *data, PLAIN), *data)
    before = known.first_order()
    relus = with_rounded_relus(made, widths)
    automatic = AutogradOperator(made, state(made), *data, PLAIN)
    native = known.rounded(np.array(widths))
    assert native is not None
    agree(native, automatic, EXACT)
    assert known.first_order().loss == before.loss
    for relu in relus:
        relu.width = 0.0
    with torch.no_grad():
        made.double()(torch.from_numpy(data[0]).double())
    assert known.scales() == pytest.approx([relu.mean_size for relu in relus])


def test_a_smooth_transformer_has_no_kinks_to_round_off() -> None:
    made, data = vit(VIT), samples(5, 3, 6, 6, classes=7)
    automatic = AutogradOperator(made, state(made), *data, PLAIN)
    assert NativeOperator(VIT, automatic, *data).scales() is None


def test_the_whole_hessian_of_a_vision_transformer() -> None:
    sizes = replace(VIT, depth=1, width=4, heads=2, patch=6)
    made, data = vit(sizes), samples(3, 3, 6, 6, classes=7)
    automatic = AutogradOperator(made, state(made), *data, PLAIN)
    found = NativeOperator(sizes, automatic, *data).dense()
    np.testing.assert_allclose(found, reference_hessian(made, *data, PLAIN), atol=1e-13)


@pytest.mark.parametrize(
    ("sizes", "shape", "reason"),
    [
        (VIT, (5, 3, 6, 8), "inputs of shape (3, 6, 8) do not fit Transformer(colours=3"),
        (replace(VIT, patch=4), (5, 3, 6, 6), "does not divide evenly"),
        (replace(VIT, activation="tan"), (5, 3, 6, 6), "the activation is 'tan', not one of"),
    ],
)
def test_transformers_that_the_kernels_refuse(
    sizes: Transformer, shape: tuple[int, ...], reason: str
) -> None:
    found = refusal(sizes, shape, "float64")
    assert found is not None
    assert reason in found
