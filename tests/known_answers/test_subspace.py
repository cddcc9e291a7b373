"""A linear classifier trained in a random subspace has the subspace's dimension, not its own."""

import numpy as np
import pytest
import torch
from scipy.optimize import linprog
from tests.known_answers.test_cover import cover

from emc.engine import run_probes
from emc.engine.fresh import fresh
from emc.engine.procedure import Procedure, Replica, Update
from emc.nets.build import Reparameterisation
from emc.nets.layers import Dense
from emc.records import Ended
from emc.study.parameterisation import Subspace

K, INPUTS = 6, 40
LAYERS = (Dense(INPUTS, 2, bias=False, activation="identity"),)


def in_subspace(n: int, k: int) -> float:
    """Probability that n points are separable by weights w0 + P z, z in k dimensions.

    Of the directions in k + 1 dimensions that separate, one with a positive last coordinate is
    needed. By symmetry half of the dichotomies that some direction separates have one, and so has
    the other half of those that k dimensions separate.
    """
    return (cover(n, k) + cover(n, k + 1)) / 2


def trained(projection: str) -> Procedure:
    form = Subspace(name="subspace", dimension=K, projection=projection)
    return Procedure(
        classes=2,
        update=Update("adam"),
        module=Reparameterisation(LAYERS, form, "scaled-normal"),
        batch=None,
        epochs=3000,
        gradient_tolerance=1e-7,
    )


def replica(n: int, draw: np.random.Generator) -> Replica:
    inputs = draw.standard_normal((n, INPUTS)).astype(np.float32)
    return Replica(inputs, np.arange(n), draw.integers(0, 2, n), int(draw.integers(2**62)), 0.3)


def separable(procedure: Procedure, one: Replica) -> bool:
    """Whether some z has every logit on its label's side: a linear program finds the margin."""
    net = fresh(procedure, one.seed)
    columns = torch.func.vmap(net.projection)(torch.eye(K)).detach().numpy()  # type: ignore[arg-type]
    start = net.initial["0.weight"].numpy()  # type: ignore[index]
    signs = 2.0 * one.labels - 1.0
    moved = signs[:, None] * (one.inputs @ np.diff(columns.reshape(K, 2, INPUTS), axis=1)[:, 0].T)
    offset = signs * (one.inputs @ np.diff(start, axis=0)[0])
    found = linprog(
        np.append(np.zeros(K), -1.0),
        A_ub=np.column_stack([-moved, np.ones(one.n)]),
        b_ub=offset,
        bounds=[(None, None)] * K + [(None, 1)],
    )
    return bool(found.x[-1] > 1e-9)


def test_the_formula_is_one_half_at_twice_the_dimension_and_one() -> None:
    assert [in_subspace(2 * k + 1, k) for k in (1, 4, 9)] == pytest.approx([0.5] * 3)


@pytest.mark.parametrize("projection", ["dense", "kronecker", "fastfood"])
@pytest.mark.parametrize("n", [10, 13, 16])
def test_so_many_points_are_separable_in_the_subspace(projection: str, n: int) -> None:
    draw, procedure = np.random.default_rng(n), trained(projection)
    share = np.mean([separable(procedure, replica(n, draw)) for _ in range(200)])
    expected = in_subspace(n, K)
    assert abs(share - expected) < 3.5 * (expected * (1 - expected) / 200) ** 0.5


@pytest.mark.slow
def test_training_fits_what_a_linear_program_separates() -> None:
    draw, procedure = np.random.default_rng(5), trained("dense")
    replicas = [replica(int(n), draw) for n in draw.integers(8, 19, 16)]
    exact = np.array([separable(procedure, one) for one in replicas])
    runs = run_probes(procedure, replicas, device="cpu")
    fits = np.array([run.ended is Ended.FIT for run in runs])
    assert not np.any(fits & ~exact)
    # Margins are narrow where only the initial weights make a dichotomy separable.
    assert np.sum(exact & ~fits) <= 2
    assert 3 < exact.sum() < 13
