"""The Lanczos bound: its published form, and how often it fails."""

from math import exp, log, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.curvature.matrices import hard_spectrum

from emc.curvature.bound import error, iterations


def smallest_ritz_values(spectra: np.ndarray, steps: int, seed: int) -> np.ndarray:
    """Smallest Ritz values [runs] of diagonal matrices with these spectra [runs, P].

    Krylov bases by Gram-Schmidt and dense projections, all runs side by side.
    """
    draw = np.random.default_rng(seed)
    start = draw.standard_normal(spectra.shape)
    basis = [start / np.linalg.norm(start, axis=1, keepdims=True)]
    for _ in range(steps - 1):
        new = spectra * basis[-1]
        for _ in range(2):
            for old in basis:
                new = new - (old * new).sum(1, keepdims=True) * old
        basis.append(new / np.linalg.norm(new, axis=1, keepdims=True))
    q = np.stack(basis, axis=1)
    return np.linalg.eigvalsh(q * spectra[:, None] @ q.swapaxes(1, 2))[:, 0]


def allowed_misses(runs: int, chance: float) -> float:
    """Misses that a chance of `chance` does not exceed but once in 10,000 experiments."""
    return runs * chance + 3.72 * sqrt(runs * chance * (1 - chance))


@given(st.integers(2, 10**7), st.floats(1e-6, 0.3), st.floats(1e-6, 0.5))
def test_iterations_are_the_fewest_that_reach_eps(dimension: int, eps: float, delta: float) -> None:
    steps = iterations(eps, dimension, delta)
    assert error(steps, dimension, delta) <= eps * (1 + 1e-9)
    assert steps == 1 or error(steps - 1, dimension, delta) > eps * (1 - 1e-9)


@given(st.integers(10, 10**7), st.floats(1e-5, 0.3), st.floats(1e-6, 0.1))
def test_no_weaker_than_the_published_theorem(dimension: int, eps: float, delta: float) -> None:
    published = (1 + log(1.648 * sqrt(dimension) / delta) / sqrt(eps)) / 2
    assert iterations(eps, dimension, delta) <= published + 1
    steps = iterations(eps, dimension, delta)
    if steps < dimension:
        at = error(steps, dimension, delta)
        assert delta <= 1.648 * sqrt(dimension) * exp(-sqrt(at) * (2 * steps - 1)) * (1 + 1e-9)


def test_known_iteration_counts() -> None:
    assert iterations(1e-3, 10_000, 1e-3) == 190
    assert iterations(1e-3, 1_482, 1e-2) == 139
    assert iterations(1e-3, 50, 1e-2) == 50


def test_no_steps_know_nothing_and_all_steps_know_all() -> None:
    assert error(0, 100, 0.01) == 1.0
    assert error(100, 100, 0.01) == 0.0


@pytest.mark.parametrize("delta", [0.02, 0.2])
def test_misses_no_more_often_than_delta_in_1000_random_matrices(delta: float) -> None:
    runs, dimension, eps = 1000, 300, 0.02
    draw = np.random.default_rng(5)
    spectra = draw.uniform(0, 1, (runs, dimension)) ** draw.uniform(0.3, 6, (runs, 1))
    low, high = spectra.min(1), spectra.max(1)
    steps = iterations(eps, dimension, delta)
    found = smallest_ritz_values(spectra, steps, seed=6)
    misses = np.count_nonzero(found - low > eps * (high - low))
    assert misses <= allowed_misses(runs, delta)


def test_holds_at_every_step_at_once_and_is_nearly_reached_by_a_hard_spectrum() -> None:
    runs, steps, dimension, delta = 1000, 10, 400, 0.2
    spectrum = hard_spectrum(steps, error(steps, dimension, delta), dimension)
    spectra = np.tile(spectrum, (runs, 1))
    missed = np.zeros(runs, bool)
    for m in range(1, steps + 1):
        missed |= smallest_ritz_values(spectra, m, seed=7) > error(m, dimension, delta)
    assert runs * delta / 2 <= np.count_nonzero(missed) <= allowed_misses(runs, delta)
