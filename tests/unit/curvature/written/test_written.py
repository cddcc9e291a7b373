"""The written-out operator against torch's dense Hessian."""

import tracemalloc
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.curvature.nets import (
    OBJECTIVES,
    PLAIN,
    cnn,
    mlp,
    parameters,
    reference_hessian,
    reference_loss,
    samples,
)

from emc.activations import ACTIVATIONS
from emc.curvature.objective import Objective
from emc.curvature.written import operator as written
from emc.curvature.written.operator import WrittenOperator
from emc.errors import EmcError
from emc.nets.layers import Dense, Layers
from emc.nets.module import load, module

SHAPES = {mlp: (6,), cnn: (2, 7, 9)}


def operator(layers: Layers, n: int, *shape: int, objective: Objective = PLAIN) -> WrittenOperator:
    return WrittenOperator(layers, parameters(layers), *samples(n, *shape), objective)


def reference(layers: Layers, n: int, *shape: int, objective: Objective = PLAIN) -> np.ndarray:
    net = module(layers)
    load(net, parameters(layers))
    return reference_hessian(net, *samples(n, *shape), objective)


def relative_error(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


@pytest.mark.parametrize("net", [mlp, cnn])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_products_and_dense_are_torch_s_hessian(
    net: object, activation: str, objective: Objective
) -> None:
    layers, shape = net(activation), SHAPES[net]  # type: ignore[operator, index]
    expected = reference(layers, 9, *shape, objective=objective)
    found = operator(layers, 9, *shape, objective=objective)
    assert relative_error(found.products(np.eye(len(expected))), expected) < 1e-12
    assert relative_error(found.dense(), expected) < 1e-12


@pytest.mark.parametrize("net", [mlp, cnn])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_loss_gradient_and_accuracy_are_torch_s(net: object, objective: Objective) -> None:
    layers, shape = net(), SHAPES[net]  # type: ignore[operator, index]
    module_ = module(layers)
    load(module_, parameters(layers))
    module_.double()
    inputs, labels = samples(9, *shape)
    logits = module_(torch.from_numpy(inputs).double())
    squares = sum(value.square().sum() for value in module_.parameters())
    decay = objective.weight_decay / 2 * squares
    loss = reference_loss(objective, logits, torch.from_numpy(labels)) + decay
    loss.backward()
    gradient = np.concatenate([value.grad.numpy().ravel() for value in module_.parameters()])
    point = operator(layers, 9, *shape, objective=objective).first_order()
    assert point.loss == pytest.approx(loss.item(), rel=1e-13)
    np.testing.assert_allclose(point.gradient, gradient, rtol=1e-11, atol=1e-15)
    assert point.accuracy == (logits.argmax(1).numpy() == labels).mean()


@pytest.mark.parametrize(("n", "layers"), [(1, mlp()), (5, (Dense(6, 1, True, "identity"),))])
def test_one_sample_and_one_class(n: int, layers: Layers) -> None:
    inputs, labels = samples(n, 6, classes=layers[-1].outputs)
    found = WrittenOperator(layers, parameters(layers), inputs, labels, Objective())
    net = module(layers)
    load(net, parameters(layers))
    expected = reference_hessian(net, inputs, labels, Objective())
    np.testing.assert_allclose(found.dense(), expected, atol=1e-15)
    np.testing.assert_allclose(found.products(np.eye(len(expected))), expected, atol=1e-15)


@pytest.mark.parametrize("net", [mlp, cnn])
@pytest.mark.parametrize("kept", [0, 1 << 28])
@pytest.mark.parametrize("threads", [1, 3])
def test_chunks_and_threads_change_nothing_but_rounding(
    net: object, kept: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers, shape = net(), SHAPES[net]  # type: ignore[operator, index]
    whole = operator(layers, 23, *shape)
    vectors = np.random.default_rng(2).normal(size=(3, len(whole.parameters)))
    parts = WrittenOperator(
        layers, parameters(layers), *samples(23, *shape), Objective(), threads=threads
    )
    monkeypatch.setattr(written, "CHUNK_BYTES", 5 * parts.bytes_per_sample)
    monkeypatch.setattr(written, "KEPT_BYTES", kept)
    for _ in range(2):
        np.testing.assert_allclose(parts.products(vectors), whole.products(vectors), atol=1e-13)
    np.testing.assert_allclose(parts.dense(), whole.dense(), atol=1e-14)
    np.testing.assert_allclose(parts.first_order().gradient, whole.first_order().gradient)


def test_float32_is_close_and_answers_float64() -> None:
    layers = mlp("gelu")
    exact = operator(layers, 30, 6)
    rough = WrittenOperator(
        layers, parameters(layers), *samples(30, 6), Objective(), precision="float32"
    )
    vectors = np.random.default_rng(2).normal(size=(3, len(exact.parameters)))
    products = rough.products(vectors)
    assert products.dtype == np.float64
    assert 1e-9 < relative_error(products, exact.products(vectors)) < 1e-5


def test_gradient_keeps_its_digits_where_the_loss_is_almost_zero() -> None:
    """Against the gradient in exact arithmetic for two classes: g = sigmoid(-margin) x."""
    layers = (Dense(1, 2, False, "identity"),)
    weights = {"0.weight": np.array([[20.0], [-20.0]], np.float32)}
    inputs, labels = np.ones((1, 1), np.float32), np.array([0])
    gradient = WrittenOperator(layers, weights, inputs, labels, Objective()).first_order().gradient
    tail = np.exp(-40.0) / (1 + np.exp(-40.0))
    np.testing.assert_allclose(gradient, [-tail, tail], rtol=1e-13)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"3.weight": np.zeros(2)}, "expected 0.weight, 0.bias, .*, found '3.weight' besides"),
        ({"0.bias": np.zeros(3)}, r"'0.bias': expected the shape \(5,\), found \(3,\)"),
        ({"0.bias": np.array([1, np.nan, np.inf, 0, 0])}, "not finite: 2 of 5 in '0.bias'"),
        ({"0.bias": None}, r"expected '0.bias' \(5,\), found 0.weight, 1.weight"),
    ],
)
def test_end_points_that_do_not_belong(change: dict[str, Any], message: str) -> None:
    given = {**parameters(mlp()), **change}
    given = {name: value for name, value in given.items() if value is not None}
    with pytest.raises(EmcError, match=message):
        WrittenOperator(mlp(), given, *samples(5, 6), Objective())


def test_labels_that_are_no_classes() -> None:
    inputs, labels = samples(5, 6)
    with pytest.raises(EmcError, match=r"labels: expected 0 to 3, .*, found 4 to 6"):
        WrittenOperator(mlp(), parameters(mlp()), inputs, labels % 4 + 4, Objective())
    with pytest.raises(EmcError, match="expected at least one sample, found none"):
        WrittenOperator(mlp(), parameters(mlp()), inputs[:0], labels[:0], Objective())


def test_memory_does_not_grow_with_the_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(written, "CHUNK_BYTES", 1 << 20)
    monkeypatch.setattr(written, "KEPT_BYTES", 1 << 20)

    def peak(n: int) -> int:
        some = operator(mlp(), n, 6)
        vector = np.ones((1, len(some.parameters)))
        tracemalloc.start()
        some.first_order()
        some.products(vector)
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    assert peak(40_000) < 1.1 * peak(8_000) < 4 << 20


@given(
    sizes=st.lists(st.integers(1, 5), min_size=2, max_size=5),
    bias=st.booleans(),
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    n=st.integers(1, 6),
)
def test_dense_is_symmetric_and_made_of_products_for_any_layered_net(
    sizes: list[int], bias: bool, activation: str, n: int
) -> None:
    hidden = [Dense(a, b, bias, activation) for a, b in pairwise(sizes)]
    layers = (*hidden, Dense(sizes[-1], 3, not bias, "identity"))
    some = WrittenOperator(
        layers, parameters(layers), *samples(n, sizes[0], classes=3), Objective(weight_decay=0.1)
    )
    dense = some.dense()
    np.testing.assert_array_equal(dense, dense.T)
    np.testing.assert_allclose(some.products(np.eye(len(dense))), dense, atol=1e-13)
