"""The ceiling on what is left when outliers are taken out."""

import numpy as np
from tests.unit.curvature.matrices import Quadratic, rotated

from emc.curvature.bound import error
from emc.curvature.deflation import bulk_steps, measure_bulk
from emc.curvature.lanczos import Lanczos
from emc.curvature.process import run

OUTLIERS = np.array([40.0, 50.0, 90.0])
VALUES = np.concatenate([np.linspace(-0.5, 2, 197), OUTLIERS])


def test_exact_outliers_leave_the_bulk() -> None:
    matrix = rotated(VALUES)
    outliers = np.linalg.eigh(matrix)[1][:, -3:].T
    operator = Quadratic(matrix)
    bulk = run(measure_bulk(outliers, 1e-4, np.random.default_rng(3)), operator)
    assert bulk.outliers == 3
    assert operator.asked == bulk_steps(200, 1e-4)
    assert 2 * (1 - bulk.error) - 0.5 * bulk.error <= bulk.top <= 2


def test_inexact_outliers_still_bound_the_next_eigenvalue() -> None:
    matrix = rotated(VALUES)
    delta, missed = 0.05, 0
    for seed in range(200):
        draw = np.random.default_rng(seed)
        lanczos = Lanczos(200, draw)
        run(lanczos.extend(4), Quadratic(matrix))
        outliers = lanczos.vectors(lanczos.ritz().columns[:, -3:])
        bulk = run(measure_bulk(outliers, delta, draw), Quadratic(matrix))
        missed += (bulk.top + 0.5) / (1 - bulk.error) < 2 + 0.5
    assert missed <= 200 * delta + 3.72 * np.sqrt(200 * delta * (1 - delta))


def test_lower_bound_of_the_smallest_eigenvalue_holds() -> None:
    """Formula (4), with outliers that let it say more than the plain bound."""
    matrix = rotated(VALUES)
    delta, steps, missed = 0.05, 20, 0
    for seed in range(200):
        draw = np.random.default_rng(1000 + seed)
        lanczos = Lanczos(200, draw)
        run(lanczos.extend(steps), Quadratic(matrix))
        ritz = lanczos.ritz()
        outliers = lanczos.vectors(ritz.columns[:, -3:])
        bulk = run(measure_bulk(outliers, delta, draw), Quadratic(matrix))
        u = error(steps - 3, 200, delta) / (1 - bulk.error)
        floor = (ritz.values[0] - u * bulk.top) / (1 - u)
        plain = error(steps, 200, delta)
        assert floor > (ritz.values[0] - plain * 90) / (1 - plain)
        missed += floor > -0.5
    assert missed <= 200 * 2 * delta + 3.72 * np.sqrt(200 * 2 * delta)
