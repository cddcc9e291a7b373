"""Compact quasi-Newton matrices are those of the recursion; Newton steps those of the Hessian."""

import numpy as np
import pytest
from tests.unit.curvature.matrices import Quadratic, rotated

from emc.finish.metric import Krylov, QuasiNewtonHistory

P = 7


def recursion(steps: list[np.ndarray], changes: list[np.ndarray]) -> np.ndarray:
    """The inverse Hessian by BFGS updates of a multiple of the identity, one after another."""
    inverse = np.eye(P) * (steps[-1] @ changes[-1]) / (changes[-1] @ changes[-1])
    for s, y in zip(steps, changes, strict=True):
        left = np.eye(P) - np.outer(s, y) / (s @ y)
        inverse = left @ inverse @ left.T + np.outer(s, s) / (s @ y)
    return inverse


@pytest.mark.parametrize("size", [1, 3, 4])
@pytest.mark.parametrize("count", [1, 2, 3, 9, 20])
def test_the_memory_is_the_recursion_over_its_last_steps(size: int, count: int) -> None:
    draw = np.random.default_rng(count)
    hessian = rotated(np.geomspace(0.1, 10, P))
    history, steps = QuasiNewtonHistory(P, size), list(draw.normal(size=(count, P)))
    for step in steps:
        history.learn(step, hessian @ step, 1.0)
    kept = steps[-size:]
    expected = recursion(kept, [hessian @ step for step in kept])
    assert history.apply(np.eye(P)) == pytest.approx(expected, rel=1e-8)


def test_steps_along_which_the_loss_bends_down_are_not_remembered() -> None:
    history, step = QuasiNewtonHistory(P, 3), np.ones(P)
    history.learn(step, step / 2, 1.0)
    before = history.apply(np.eye(P))
    history.learn(step, -step, 1.0)
    assert np.array_equal(history.apply(np.eye(P)), before)


def test_a_memory_is_forgotten_once() -> None:
    history = QuasiNewtonHistory(P, 3)
    history.learn(np.ones(P), np.ones(P), 1.0)
    assert [history.shorten(), history.shorten()] == [True, False]


@pytest.mark.parametrize("size", [P, 3])
def test_newton_steps_solve_with_the_absolute_hessian(size: int) -> None:
    """In the whole space, or where a few of the Hessian's powers span it for these rows."""
    values = np.array([-3.0, 1.0, 1.0, 1.0, 1.0, 5.0, 5.0])
    hessian = rotated(values)
    gradient = np.random.default_rng(1).normal(size=P)
    metric = Krylov(size, 1e-12)
    metric.ready(Quadratic(hessian), gradient)
    magnitudes, vectors = np.linalg.eigh(hessian)
    expected = vectors @ (vectors.T @ gradient / abs(magnitudes))
    assert metric.apply(gradient[None])[0] == pytest.approx(expected, rel=1e-6)


def test_rows_outside_of_the_space_are_taken_in() -> None:
    hessian = rotated(np.arange(1.0, P + 1))
    metric = Krylov(1, 1e-12)
    metric.ready(Quadratic(hessian), np.ones(P))
    assert metric.apply(np.eye(P)) == pytest.approx(np.linalg.inv(hessian), rel=1e-6)


def test_damping_shortens_steps_and_eases_after_whole_ones() -> None:
    metric = Krylov(P, 1e-3)
    metric.ready(Quadratic(rotated(np.arange(1.0, P + 1))), np.ones(P))
    lengths = [np.linalg.norm(metric.apply(np.ones((1, P))))]
    for length in (0.1, 0.1, 1.0):
        metric.learn(np.ones(P), np.ones(P), length)
        lengths.append(np.linalg.norm(metric.apply(np.ones((1, P)))))
    assert lengths[0] > lengths[1] > lengths[2]
    assert lengths[3] > lengths[2]


def test_a_change_whose_square_underflows_is_not_remembered() -> None:
    history = QuasiNewtonHistory(2, 5)
    history.learn(np.array([1.0, 0.0]), np.array([1e-170, 0.0]), 1.0)
    rows = np.array([[3.0, 4.0]])
    np.testing.assert_array_equal(history.apply(rows), rows)
