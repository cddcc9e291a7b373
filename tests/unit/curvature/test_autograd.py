"""The automatic operator against torch's dense Hessian and curvlinops' products."""

import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
from tests.unit.curvature.nets import (
    OBJECTIVES,
    PLAIN,
    Attention,
    Squared,
    cnn,
    mlp,
    parameters,
    reference_hessian,
    samples,
    state,
)
from torch import Tensor, nn

from emc.curvature import chunks
from emc.curvature.autograd import AutogradOperator, AutogradStack
from emc.curvature.objective import Objective
from emc.curvature.written.operator import WrittenOperator
from emc.errors import EmcError
from emc.nets.families import Hidden
from emc.nets.families.vit import make as vit
from emc.nets.layers import Dense, Layers
from emc.nets.module import load, module
from emc.study.architectures import Vit


def made(layers_of: Callable[[], object]) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        layers = layers_of()
        net = module(layers)  # type: ignore[arg-type]
        load(net, parameters(layers))  # type: ignore[arg-type]
        return net

    return make


NETS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], int]] = {
    "mlp": (made(mlp), (6,), 4),
    "cnn": (made(cnn), (2, 7, 9), 4),
    "attention": (Attention, (4, 6), 3),
}


def operator(name: str, n: int = 7, objective: Objective = PLAIN) -> AutogradOperator:
    torch.manual_seed(0)
    make, shape, classes = NETS[name]
    net = make()
    return AutogradOperator(net, state(net), *samples(n, *shape, classes=classes), objective)


def relative_error(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_products_and_dense_are_torch_s_hessian(name: str, objective: Objective) -> None:
    torch.manual_seed(0)
    make, shape, classes = NETS[name]
    expected = reference_hessian(make(), *samples(7, *shape, classes=classes), objective)
    found = operator(name, objective=objective)
    vectors = np.random.default_rng(3).normal(size=(3, len(expected)))
    assert relative_error(found.products(vectors), vectors @ expected) < 1e-12
    assert relative_error(found.products(vectors[:1]), vectors[:1] @ expected) < 1e-12
    assert relative_error(found.dense(), expected) < 1e-12


@pytest.mark.parametrize("layers", [mlp("gelu"), cnn("silu")])
@pytest.mark.parametrize("kind", ["written", "autograd"])
def test_at_another_point_as_if_made_there(kind: str, layers: Layers) -> None:
    data = samples(11, *((6,) if isinstance(layers[0], Dense) else (2, 7, 9)))
    here, there = (parameters(layers, seed) for seed in (0, 1))

    def made(values: dict[str, np.ndarray]) -> WrittenOperator | AutogradOperator:
        if kind == "written":
            return WrittenOperator(layers, values, *data, PLAIN)
        return AutogradOperator(module(layers), values, *data, PLAIN)

    first, wanted = made(here), made(there)
    before = first.first_order()
    moved = first.at(wanted.parameters)
    np.testing.assert_array_equal(moved.first_order().gradient, wanted.first_order().gradient)
    np.testing.assert_array_equal(moved.dense(), wanted.dense())
    np.testing.assert_array_equal(first.first_order().gradient, before.gradient)


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_products_agree_with_curvlinops(name: str) -> None:
    """Not for attention: curvlinops has the LayerNorm error that `nets.reference_hessian` names."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from curvlinops import HessianLinearOperator
    torch.manual_seed(0)
    make, shape, classes = NETS[name]
    net = make().double().eval().requires_grad_()
    inputs, labels = samples(7, *shape, classes=classes)
    batch = (torch.from_numpy(inputs).double(), torch.from_numpy(labels))
    found = operator(name)
    oracle = HessianLinearOperator(
        net, nn.CrossEntropyLoss(), list(net.parameters()), [batch], check_deterministic=False
    )
    vector = np.random.default_rng(3).normal(size=len(found.parameters))
    expected = oracle @ torch.from_numpy(vector)
    np.testing.assert_allclose(found.products(vector[None])[0], expected.numpy(), atol=1e-13)


def test_products_of_a_vit_are_finite_differences_of_its_gradient() -> None:
    """torch.func.hessian and curvlinops are wrong for the weights of LayerNorm (torch 2.14)."""
    torch.manual_seed(0)
    made = vit(Vit(name="vit", width=4, depth=1, heads=2), Hidden("gelu", "torch"), (1, 8, 8), 3)
    found = AutogradOperator(made, state(made), *samples(9, 1, 8, 8, classes=3), PLAIN)
    draw, step = np.random.default_rng(3), 3e-5
    # Fresh nets have zero biases and unit scales: a random point tells more.
    point = found.at(found.parameters + 0.1 * draw.normal(size=len(found.parameters)))

    def gradient(steps: int, along: np.ndarray) -> np.ndarray:
        moved = point.at(point.parameters + steps * step * along)
        return moved.first_order().gradient

    for vector in draw.normal(size=(4, len(point.parameters))):
        near, far = (gradient(k, vector) - gradient(-k, vector) for k in (1, 2))
        slope = (8 * near - far) / (12 * step)
        assert relative_error(point.products(vector[None])[0], slope) < 1e-8


@pytest.mark.parametrize("layers", [mlp("gelu"), cnn("silu")])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_agrees_with_the_written_operator(layers: object, objective: Objective) -> None:
    shape = (6,) if layers[0].outputs == 5 else (2, 7, 9)  # type: ignore[index]
    inputs, labels = samples(11, *shape)
    values = parameters(layers)  # type: ignore[arg-type]
    one = AutogradOperator(module(layers), values, inputs, labels, objective)  # type: ignore[arg-type]
    other = WrittenOperator(layers, values, inputs, labels, objective)  # type: ignore[arg-type]
    first, second = one.first_order(), other.first_order()
    assert first.loss == pytest.approx(second.loss, rel=1e-13)
    assert first.accuracy == second.accuracy
    np.testing.assert_allclose(first.gradient, second.gradient, atol=1e-15)
    vectors = np.random.default_rng(3).normal(size=(2, len(one.parameters)))
    np.testing.assert_allclose(one.products(vectors), other.products(vectors), atol=1e-14)


def test_chunks_change_nothing_but_rounding() -> None:
    some = operator("attention", n=23)
    vectors = np.random.default_rng(3).normal(size=(3, len(some.parameters)))
    whole, gradient = some.products(vectors), some.first_order().gradient
    some.chunk.size = 15
    np.testing.assert_allclose(some.products(vectors), whole, atol=1e-14)
    np.testing.assert_allclose(some.first_order().gradient, gradient, atol=1e-15)


def test_stack_answers_as_each_alone_whatever_their_sizes() -> None:
    objective = Objective(weight_decay=0.2)
    alone = [operator("attention", n=n, objective=objective) for n in (1, 30, 9)]
    alone[0].chunk.size = 20
    vectors = np.random.default_rng(3).normal(size=(2, len(alone[0].parameters)))
    found = AutogradStack(alone).products([2, 0], vectors)
    expected = [alone[2].products(vectors[:1])[0], alone[0].products(vectors[1:])[0]]
    np.testing.assert_allclose(found, expected, atol=1e-14)


class Unit(nn.Linear):
    """Undefined where all inputs are zero."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x / x.norm(dim=1, keepdim=True)).tanh()


def test_a_net_that_takes_no_zeros_is_stacked_too() -> None:
    net = Unit(6, 4)
    alone = [
        AutogradOperator(net, state(net), *samples(n, 6, classes=4), Objective()) for n in (3, 8)
    ]
    vectors = np.random.default_rng(3).normal(size=(2, 28))
    found = AutogradStack(alone).products([0, 1], vectors)
    expected = [one.products(vectors[i : i + 1])[0] for i, one in enumerate(alone)]
    np.testing.assert_allclose(found, expected, atol=1e-14)


class Normalised(nn.Module):
    """Batch normalisation, dropout, a frozen layer, a scalar, and a tied weight."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(6, 6, bias=False)
        self.again = self.first
        self.norm = nn.BatchNorm1d(6)
        self.frozen = nn.Linear(6, 4).requires_grad_(False)
        self.scale = nn.Parameter(torch.tensor(1.5))

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.dropout(self.norm(self.first(x)).tanh(), 0.5, self.training)
        return self.scale * self.frozen(self.again(x))


def test_only_trainable_parameters_vary_and_the_module_is_left_alone() -> None:
    torch.manual_seed(0)
    net = Normalised().train()
    net(torch.randn(40, 6))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    inputs, labels = samples(9, 6)
    trained = {name: value for name, value in state(net).items() if "frozen" not in name}
    found = AutogradOperator(net, trained, inputs, labels, Objective())
    dense = found.dense()
    assert net.training
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert dense.shape == (36 + 12 + 1, 36 + 12 + 1)
    kept = list(range(36 + 12 + 1))
    names = list(dict(net.named_parameters()))
    assert names == ["scale", "first.weight", "norm.weight", "norm.bias", "frozen.weight",
                     "frozen.bias"]  # fmt: skip
    expected = reference_hessian(net, inputs, labels, Objective())
    assert relative_error(dense, expected[np.ix_(kept, kept)]) < 1e-12


def test_state_may_give_buffers_and_frozen_parameters() -> None:
    torch.manual_seed(0)
    net, other = Normalised(), Normalised()
    other.train()(torch.randn(40, 6) * 3 + 1)
    inputs, labels = samples(9, 6)
    given = {name: value.numpy(force=True) for name, value in other.state_dict().items()}
    del given["again.weight"]
    found = AutogradOperator(net, given, inputs, labels, Objective())
    expected = AutogradOperator(other, state(other), inputs, labels, Objective())
    assert found.first_order().loss == expected.first_order().loss
    stacked = AutogradStack([found, found]).products([1], np.ones((1, 49)))
    np.testing.assert_allclose(stacked, expected.products(np.ones((1, 49))), atol=1e-14)


def test_float32_is_close_and_answers_float64() -> None:
    torch.manual_seed(0)
    net = Attention()
    rough = AutogradOperator(
        net, state(net), *samples(7, 4, 6, classes=3), Objective(), precision="float32"
    )
    vectors = np.random.default_rng(3).normal(size=(2, len(rough.parameters)))
    products = rough.products(vectors)
    assert products.dtype == np.float64
    assert 1e-9 < relative_error(products, operator("attention").products(vectors)) < 1e-5


class Calling(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(Squared.apply(x))


def test_nets_and_data_that_cannot_be_examined() -> None:
    inputs, labels = samples(9, 6)
    net = nn.Linear(6, 4)
    with pytest.raises(EmcError, match="expected 'bias'"):
        AutogradOperator(net, {"weight": np.zeros((4, 6))}, inputs, labels, Objective())
    with pytest.raises(EmcError, match="expected weight, bias, found 'extra' besides"):
        AutogradOperator(net, {**state(net), "extra": np.zeros(1)}, inputs, labels, Objective())
    few = nn.Linear(6, 2)
    with pytest.raises(EmcError, match=r"labels: expected 0 to 1, .*, found 0 to 3"):
        AutogradOperator(few, state(few), inputs, labels, Objective())
    flat = nn.Sequential(net, nn.Flatten(0))
    with pytest.raises(
        EmcError, match=r"Sequential: expected logits .*, found torch.float64 of shape \(32,\)"
    ):
        AutogradOperator(flat, state(flat), inputs, labels, Objective())


def test_memory_does_not_grow_with_the_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch's own allocations are not traced, so the largest batch that the net saw stands in."""
    monkeypatch.setattr(chunks, "CHUNK", 64)
    seen: list[int] = []

    class Watching(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            seen.append(len(x))
            return super().forward(x)

    net = Watching(6, 4)
    some = AutogradOperator(net, state(net), *samples(1000, 6), Objective())
    some.first_order()
    some.products(np.ones((1, 28)))
    some.products(np.ones((8, 28)))
    assert max(seen) == 64
    assert max(seen[-125:]) == 8
