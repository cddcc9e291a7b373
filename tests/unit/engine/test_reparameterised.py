"""Nets in other forms: where they start, what trains, and that all back ends agree on it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from tests.unit.engine.cases import (
    CNN,
    LINEAR,
    NormNet,
    TokenNet,
    assert_same_training,
    mlp,
    procedure,
    replicas,
)
from torch import nn

from emc.engine import run_probes
from emc.engine.choose import back_end
from emc.engine.fresh import fresh, from_the_seed, weights
from emc.engine.procedure import Procedure, Update
from emc.errors import EmcError
from emc.nets.build import Reparameterisation, size
from emc.nets.reparameterised import LowRankNet, SubspaceNet, from_seed
from emc.study.parameterisation import LowRank, Quantised, Subspace

FORMS = [
    Subspace(name="subspace", dimension=9),
    Subspace(name="subspace", dimension=30, projection="kronecker"),
    Subspace(name="subspace", dimension=11, projection="fastfood"),
    Subspace(name="subspace", dimension=40, projection="film"),
    LowRank(name="low-rank", rank=1),
    Quantised(name="quantised", bits=1),
    Quantised(name="quantised", bits=6),
]


def in_form(form: Any, layers: Any = None, **changes: Any) -> Procedure:
    full = layers or mlp("tanh")
    made = Reparameterisation(full, form, changes.pop("initialisation", "scaled-normal"))
    return procedure(layers=None, module=made, **changes)


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("layers", [mlp("tanh"), CNN, LINEAR], ids=["mlp", "cnn", "linear"])
def test_back_ends_agree(form: Any, layers: Any) -> None:
    trained = in_form(form, layers)
    probes = replicas([33, 20, 1])
    together = run_probes(trained, probes, back_end="vmap")
    alone = run_probes(trained, probes, back_end="sequential")
    # Of one bit, a weight that passes zero a rounding error earlier has another code.
    tolerance = 1e-2 if getattr(form, "bits", 0) == 1 else 1e-4
    for one, other in zip(together, alone, strict=True):
        assert_same_training(one, other, tolerance)


@pytest.mark.slow
@pytest.mark.parametrize("form", [FORMS[2], FORMS[3], FORMS[6]], ids=str)
def test_compiled_agrees(form: Any) -> None:
    trained = in_form(form, epochs=3)
    probes = replicas([17, 16])
    together = run_probes(trained, probes, back_end="compiled")
    alone = run_probes(trained, probes, back_end="sequential")
    for one, other in zip(together, alone, strict=True):
        assert_same_training(one, other)


@pytest.mark.parametrize("form", FORMS[:5], ids=str)
@pytest.mark.parametrize("rule", ["scaled-normal", "torch"])
def test_it_starts_at_the_weights_of_the_full_net(form: Any, rule: str) -> None:
    full = fresh(procedure(layers=mlp(), initialisation=rule), seed=7)
    made = fresh(in_form(form, mlp(), initialisation=rule), seed=7)
    start = full.state_dict()
    own = {**made.net.state_dict(), **made.weights()}
    for name, value in start.items():
        np.testing.assert_array_equal(own[name].detach(), value, err_msg=name)
    x = torch.randn(4, 20)
    torch.testing.assert_close(made(x), full(x))


class _Factory:
    """Makes a user's net, as a plug-in's factory does."""

    def __init__(self, make: Callable[[], nn.Module], form: Any) -> None:
        self._make, self._form = make, form

    def __call__(self) -> nn.Module:
        from emc.nets.reparameterised import reparameterised

        return reparameterised(self._make(), self._form)


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_a_users_net_starts_at_its_own_weights_and_trains(form: Any) -> None:
    trained = procedure(layers=None, module=_Factory(TokenNet, form), epochs=3)
    full = fresh(procedure(layers=None, module=TokenNet), seed=5)
    made = fresh(trained, seed=5)
    if not isinstance(form, Quantised):
        x = torch.randn(3, 1, 4, 5)
        torch.testing.assert_close(made(x), full(x))
    probes = replicas([12, 9])
    together = run_probes(trained, probes, back_end="vmap")
    alone = run_probes(trained, probes, back_end="sequential")
    for one, other in zip(together, alone, strict=True):
        assert_same_training(one, other, tolerance=1e-3)


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_end_points_hold_what_trains_and_the_seed_gives_the_rest(form: Any) -> None:
    trained = in_form(form)
    (run,) = run_probes(trained, replicas([20]))
    made = fresh(trained, seed=3)
    trains = {name: p.shape for name, p in made.named_parameters() if p.requires_grad}
    assert {name: values.shape for name, values in run.parameters.items()} == trains
    again = from_the_seed(trained, seed=3)
    assert again.keys() == from_seed(made)
    named = {**dict(made.named_parameters()), **dict(made.named_buffers())}
    assert again.keys() | trains.keys() == named.keys()
    for name, values in again.items():
        np.testing.assert_array_equal(values, named[name].detach())


def test_running_statistics_are_kept() -> None:
    form = Subspace(name="subspace", dimension=5)
    trained = procedure(layers=None, module=_Factory(NormNet, form), epochs=2)
    assert back_end(trained, "cpu").name == "sequential"
    (run,) = run_probes(trained, replicas([20]))
    assert run.parameters.keys() == {
        "coordinates",
        "net.body.2.running_mean",
        "net.body.2.running_var",
    }
    assert run.parameters["net.body.2.running_mean"].any()


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_a_seed_gives_the_same_and_another_gives_others(form: Any) -> None:
    trained = in_form(form)
    before = torch.random.get_rng_state()
    one, same, other = (fresh(trained, seed) for seed in (1, 1, 2))
    assert torch.equal(before, torch.random.get_rng_state())
    state = {name: value for name, value in one.state_dict().items() if value.any()}
    for name, value in state.items():
        assert torch.equal(value, same.state_dict()[name])
    assert any(not torch.equal(value, other.state_dict()[name]) for name, value in state.items())


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_the_native_back_end_leaves_it_to_others(form: Any) -> None:
    with pytest.raises(EmcError, match=r"the native back end .*the net is a module, not lay"):
        back_end(in_form(form), "cpu", "native")
    assert back_end(in_form(form), "cpu").name == "vmap"


def test_a_whole_space_turned_is_the_space() -> None:
    """With as many orthonormal directions as weights, gradient descent takes the same steps."""
    form = Subspace(name="subspace", dimension=60)
    made = fresh(in_form(form, LINEAR), seed=2)
    assert isinstance(made, SubspaceNet)
    orthogonal = torch.linalg.qr(torch.randn(60, 60, dtype=torch.double))[0].float()
    made.projection.get_buffer("matrix").copy_(orthogonal)
    full = fresh(procedure(layers=LINEAR), seed=2)
    x, labels = torch.randn(25, 20), torch.randint(3, (25,))
    for net in (made, full):
        optimizer = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=0.3)
        for _ in range(40):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x), labels).backward()
            optimizer.step()
    torch.testing.assert_close(made.weights()["0.weight"], full.state_dict()["0.weight"])
    assert float((made.weights()["0.weight"] - made.initial["0.weight"]).detach().norm()) > 1


def test_least_squares_in_a_subspace_is_solved_there() -> None:
    """Squared error of a linear net: training ends at the subspace's own least squares."""
    form = Subspace(name="subspace", dimension=6)
    update = Update("gd", momentum=0.9)
    budget = {"batch": None, "epochs": 3000, "gradient_tolerance": 1e-7}
    trained = in_form(form, LINEAR, update=update, loss="squared-error", **budget)
    (probe,) = replicas([30], lr=1.0)
    (run,) = run_probes(trained, [probe])
    made = fresh(trained, probe.seed)
    basis = made.projection.get_buffer("matrix").numpy().astype(float)
    start = made.initial["0.weight"].numpy().astype(float)  # type: ignore[index]
    x = probe.inputs[probe.rows].reshape(30, 20).astype(float)
    features = np.einsum("ni,cik->nck", x, basis.reshape(3, 20, 6).transpose(0, 1, 2))
    wanted = np.eye(3)[probe.labels] - x @ start.T
    exact = np.linalg.lstsq(features.reshape(-1, 6), wanted.ravel(), rcond=None)[0]
    np.testing.assert_allclose(run.parameters["coordinates"], exact, rtol=1e-3, atol=1e-4)


def test_a_low_rank_moves_matrices_by_no_more() -> None:
    trained = in_form(LowRank(name="low-rank", rank=2), mlp(), epochs=30)
    (run,) = run_probes(trained, replicas([40], seed=3))
    made = fresh(trained, seed=3000)
    start = {name: w.clone() for name, w in made.initial.items()}
    assert start.keys() == {"0.weight", "1.weight"}  # 3 x 6 has no smaller factors
    made.load_state_dict({n: torch.tensor(v) for n, v in run.parameters.items()}, strict=False)
    for name, weight in made.weights().items():
        moved = (weight - start[name]).detach().numpy()
        values = np.linalg.svd(moved, compute_uv=False)
        assert values[1] > 1e-4
        assert (values[2:] < 1e-6).all()


def test_full_rank_is_the_full_net() -> None:
    """No factors are left, and what trains is the net."""
    rank = LowRank(name="low-rank", rank=6)
    (made,) = run_probes(in_form(rank, mlp()), replicas([30]), back_end="sequential")
    (full,) = run_probes(procedure(layers=mlp()), replicas([30]), back_end="sequential")
    assert isinstance(fresh(in_form(rank, mlp()), seed=0), LowRankNet)
    np.testing.assert_array_equal(made.epoch_losses, full.epoch_losses)
    for name, values in full.parameters.items():
        np.testing.assert_array_equal(made.parameters[f"net.{name}"], values)


def test_sixteen_bits_are_nearly_the_full_net() -> None:
    form = Quantised(name="quantised", bits=16)
    (made,) = run_probes(in_form(form), replicas([30]))
    (full,) = run_probes(procedure(layers=mlp("tanh")), replicas([30]))
    np.testing.assert_allclose(made.epoch_losses, full.epoch_losses, rtol=1e-2)


def test_the_size_is_that_of_the_net_inside() -> None:
    assert [size(Reparameterisation(mlp(), form, "torch")) for form in FORMS] == [  # type: ignore[arg-type]
        size(mlp())
    ] * len(FORMS)
    assert weights(fresh(in_form(FORMS[0]), seed=0)).keys() == {"coordinates"}
