"""The preconditioner of layered nets: moments of inputs, and what comes back to outputs."""

import weakref

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.curvature.nets import OBJECTIVES, PLAIN, cnn, mlp, of_unit, parameters, samples
from torch import Tensor
from torch.nn import functional

from emc.curvature.objective import Objective
from emc.curvature.written.operator import WrittenOperator
from emc.curvature.written.preconditioner import moments
from emc.nets.layers import Conv, Dense, Layers
from emc.seeds import generator

DAMPING = 1e-4


def operator(net: Layers, n: int, *shape: int, objective: Objective, seed: int) -> WrittenOperator:
    data = samples(n, *shape, classes=net[-1].outputs, seed=seed)
    return WrittenOperator(net, parameters(net, seed), *data, objective)


@given(
    n=st.integers(1, 60),
    inputs=st.integers(1, 9),
    decay=st.sampled_from([0.0, 0.03]),
    bias=st.booleans(),
    seed=st.integers(0, 50),
)
@settings(max_examples=60, deadline=None)
def test_of_a_linear_net_with_squared_error_it_is_the_damped_inverse(
    n: int, inputs: int, decay: float, bias: bool, seed: int
) -> None:
    net: Layers = (Dense(inputs, 3, bias, "identity"),)
    objective = Objective("squared-error", weight_decay=decay)
    known = operator(net, n, inputs, objective=objective, seed=seed)
    hessian = known.dense()[:inputs, :inputs]
    square = 2 / 3
    data, _ = samples(n, inputs, classes=3, seed=seed)
    x = np.concatenate([data, np.ones((n, int(bias)))], axis=1).astype(np.float64)
    a = x.T @ x / n
    np.testing.assert_allclose(hessian, square * a[:inputs, :inputs] + decay * np.eye(inputs))
    added = square * DAMPING * np.trace(a) + decay
    exact = np.linalg.inv(square * a + added * np.eye(len(a)))
    # Directions flatter than what is added are taken for flat.
    [found] = known.preconditioner()
    ratios = np.linalg.eigvals(np.linalg.solve(exact, of_unit(found))).real
    assert ratios.min() > 0.999
    assert ratios.max() < 2.001


def forward(net: Layers, state: dict[str, np.ndarray], x: Tensor) -> list[tuple[Tensor, Tensor]]:
    """What each layer takes in, and gives before its activation, by torch; the logits last."""
    seen = []
    for index, layer in enumerate(net):
        weight = torch.from_numpy(state[f"{index}.weight"]).double().requires_grad_()
        bias = torch.from_numpy(state[f"{index}.bias"]).double() if layer.bias else None
        if isinstance(layer, Conv):
            z = functional.conv2d(x, weight, bias, padding=1)
        else:
            x = x.flatten(1)
            z = functional.linear(x, weight, bias)
        z.retain_grad()
        seen.append((x, z))
        x = getattr(torch, layer.activation)(z) if layer.activation != "identity" else z
        x = functional.max_pool2d(x, 2) if isinstance(layer, Conv) else x
    return seen


def columns(taken: Tensor, bias: bool) -> np.ndarray:
    """The inputs of a unit as columns, with ones for its bias."""
    x = taken.detach()
    flat = (
        x.T
        if x.ndim == 2
        else functional.unfold(x, 3, padding=1).transpose(0, 1).reshape(9 * x.shape[1], -1)
    )
    ones = np.ones((int(bias), flat.shape[1]))
    return np.concatenate([flat.numpy(), ones])


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("convolutional", [False, True])
def test_of_deeper_nets_it_is_made_of_moments_and_of_what_comes_back(
    objective: Objective, convolutional: bool
) -> None:
    net = cnn() if convolutional else mlp()
    shape = (2, 7, 9) if convolutional else (6,)
    n = 40
    known = operator(net, n, *shape, objective=objective, seed=4)
    data, _ = samples(n, *shape, classes=net[-1].outputs, seed=4)
    seen = forward(net, parameters(net, 4), torch.from_numpy(data).double())
    logits = seen[-1][1]
    signs = known_signs((net[-1].outputs, n)).T
    p = torch.softmax(logits, 1).detach()
    root = p.sqrt() * signs
    root = (root - p * root.sum(1, keepdim=True)) / n**0.5
    if objective.named_loss == "squared-error":
        root = (2 / (n * net[-1].outputs)) ** 0.5 * signs
    (logits * root).sum().backward()  # type: ignore[no-untyped-call]
    for layer, found, (taken, before) in zip(net, known.preconditioner(), seen, strict=True):
        assert before.grad is not None
        x = columns(taken, layer.bias)
        square = float((before.grad**2).mean()) * n
        a = square * x @ x.T / n
        added = DAMPING * np.trace(a) + objective.weight_decay
        exact = np.linalg.inv(a + added * np.eye(len(a)))
        ratios = np.linalg.eigvals(np.linalg.solve(exact, of_unit(found))).real
        assert ratios.min() > 0.999
        assert ratios.max() < 2.001


def known_signs(shape: tuple[int, int]) -> Tensor:
    return torch.from_numpy(generator("preconditioner").choice([-1.0, 1.0], shape))


@pytest.mark.parametrize(("inputs", "columns_"), [(3, 20), (20, 3), (5, 5), (1, 1)])
def test_moments_of_few_columns_are_those_of_many(inputs: int, columns_: int) -> None:
    x = np.random.default_rng(inputs).normal(size=(inputs, columns_))
    found = moments(x, 7)
    assert found is not None
    np.testing.assert_allclose(
        (found.vectors.T * found.values) @ found.vectors, x @ x.T / 7, atol=1e-4 * found.trace
    )
    assert found.trace == pytest.approx(np.trace(x @ x.T) / 7)
    np.testing.assert_allclose(
        found.vectors @ found.vectors.T, np.eye(len(found.values)), atol=1e-7
    )


def test_a_net_whose_units_are_dead_keeps_finite_steps() -> None:
    net: Layers = (Dense(4, 3, True, "relu"), Dense(3, 2, True, "identity"))
    known = operator(net, 10, 4, objective=PLAIN, seed=0)
    dead = known.parameters.copy()
    dead[12:15] = -100.0
    for layer in known.at(dead).preconditioner():
        assert 0 < layer.factor < np.inf
        assert np.isfinite(layer.directions).all()


def test_many_samples_are_looked_at_in_part() -> None:
    net: Layers = (Dense(2, 2, True, "tanh"), Dense(2, 2, True, "identity"))
    data = samples(5000, 2, classes=2, seed=0)
    state = parameters(net, 0)
    whole = WrittenOperator(net, state, *data, PLAIN)
    part = WrittenOperator(net, state, data[0][::5], data[1][::5], PLAIN)
    for one, other in zip(whole.preconditioner(), part.preconditioner(), strict=True):
        np.testing.assert_allclose(of_unit(one), of_unit(other), rtol=1e-9)


@pytest.mark.parametrize("far", [1e80, 1e160, 1e200, 1e300])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_where_numbers_overflow_nothing_is_known(objective: Objective, far: float) -> None:
    known = operator(mlp("relu"), 10, 6, objective=objective, seed=0)
    for layer in known.at(far * known.parameters).preconditioner():
        assert 0 < layer.factor < np.inf
        assert np.isfinite(layer.directions).all()


def test_an_operator_that_is_let_go_holds_no_memory() -> None:
    known = operator(mlp(), 10, 6, objective=PLAIN, seed=0)
    known.preconditioner()
    held = weakref.ref(known)
    del known
    assert held() is None
