"""Lanczos against matrices of known spectrum and against ARPACK."""

import numpy as np
import pytest
from scipy.sparse.linalg import eigsh
from tests.unit.curvature.matrices import Quadratic, rotated

from emc.curvature.lanczos import Lanczos
from emc.curvature.process import run
from emc.errors import EmcError


def extended(matrix: np.ndarray, *steps: int, seed: int = 0) -> Lanczos:
    lanczos = Lanczos(len(matrix), np.random.default_rng(seed))
    for some in steps:
        run(lanczos.extend(some), Quadratic(matrix))
    return lanczos


def test_both_ends_agree_with_arpack() -> None:
    matrix = rotated(np.random.default_rng(1).normal(size=400))
    ritz = extended(matrix, 150).ritz()
    low, high = eigsh(matrix, k=1, which="SA")[0], eigsh(matrix, k=1, which="LA")[0]
    np.testing.assert_allclose(ritz.values[[0, -1]], [low[0], high[0]], rtol=1e-10)


def test_residuals_are_those_of_the_vectors() -> None:
    matrix = rotated(np.random.default_rng(2).normal(size=60))
    lanczos = extended(matrix, 7, 6)
    ritz = lanczos.ritz()
    vectors = lanczos.vectors(ritz.columns)
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(13), atol=1e-13)
    gaps = vectors @ matrix - ritz.values[:, None] * vectors
    np.testing.assert_allclose(np.linalg.norm(gaps, axis=1), ritz.residuals, atol=1e-13)


def test_basis_stays_orthogonal_where_plain_lanczos_loses_it() -> None:
    matrix = rotated(np.concatenate([np.logspace(-12, 0, 80), [1e6]]))
    lanczos = extended(matrix, 30, 30)
    basis = lanczos.vectors(np.eye(60))
    assert abs(basis @ basis.T - np.eye(60)).max() < 1e-13


def test_extending_in_parts_changes_nothing() -> None:
    matrix = rotated(np.linspace(-1, 3, 50))
    once, parts = extended(matrix, 20), extended(matrix, 3, 16, 1)
    np.testing.assert_allclose(once.ritz().values, parts.ritz().values, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(once.trace, parts.trace)


@pytest.mark.parametrize(
    "values",
    [np.zeros(9), np.ones(9), np.repeat([-1.0, 0.0, 2.0], 3), np.array([5.0]), np.arange(9.0)],
    ids=["zero", "identity", "multiple", "one-dimensional", "distinct"],
)
def test_full_space_gives_the_whole_spectrum_with_its_multiplicities(values: np.ndarray) -> None:
    lanczos = extended(rotated(values), 4, 100)
    assert lanczos.steps == len(values)
    np.testing.assert_allclose(lanczos.ritz().values, values, atol=1e-13)
    np.testing.assert_allclose(lanczos.trace, values.sum(), atol=1e-13)


def test_same_seed_same_answer_and_another_seed_another() -> None:
    matrix = rotated(np.linspace(0, 1, 40))
    first = extended(matrix, 5, seed=1).ritz().values
    np.testing.assert_array_equal(first, extended(matrix, 5, seed=1).ritz().values)
    assert not np.array_equal(first, extended(matrix, 5, seed=2).ritz().values)


def test_fresh_directions_are_orthogonal_to_the_space() -> None:
    lanczos = extended(rotated(np.linspace(0, 1, 40)), 10)
    direction = lanczos.fresh()
    assert abs(lanczos.vectors(np.eye(10)) @ direction).max() < 1e-14
    assert np.linalg.norm(direction) == pytest.approx(1)


def test_products_that_are_not_symmetric_are_refused() -> None:
    matrix = rotated(np.linspace(0, 1, 40))
    matrix[3] *= 1.5
    with pytest.raises(EmcError, match="not symmetric: an operation of the net has no second"):
        extended(matrix, 10)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_products_that_are_not_finite_are_refused_as_such(bad: float) -> None:
    matrix = rotated(np.linspace(0, 1, 40))
    matrix[3, 5] = bad
    with pytest.raises(EmcError, match=r"is not finite \(NaN or infinite\)"):
        extended(matrix, 10)
