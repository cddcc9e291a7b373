"""Lines through bounds against least squares, and against a truth that was simulated."""

import math

import numpy as np
import pytest
from scipy import optimize, stats

from emc.findings import line
from emc.findings.line import CensoredLine

SLOPE = 0.8
SIMULATIONS = 60


def test_without_bounds_it_is_least_squares_with_its_t_interval():
    draw = np.random.default_rng(1)
    x = draw.uniform(4, 9, 11)
    y = SLOPE * x + draw.normal(0, 0.2, 11)
    found, wanted = CensoredLine(x, y, y), stats.linregress(x, y)
    half = stats.t.isf(0.025, 9) * wanted.stderr
    assert found.slope == pytest.approx(wanted.slope, abs=1e-6)
    ends = wanted.slope - half, wanted.slope + half
    assert found.interval(0.95) == pytest.approx(ends, abs=1e-5)
    assert found.r_squared == pytest.approx(wanted.rvalue**2, abs=1e-6)


def test_the_gradient_is_that_of_the_likelihood():
    draw = np.random.default_rng(2)
    x, y = draw.normal(size=(2, 9))
    low, high = y.copy(), y.copy()
    low[:2], high[6:] = -np.inf, np.inf
    design = np.stack([np.ones(9), x], axis=1)
    at = np.array([1.3, 0.2, -0.4])
    numeric = optimize.approx_fprime(at, lambda p: line._loss(p, low, high, design)[0], 1e-7)
    assert line._loss(at, low, high, design)[1] == pytest.approx(numeric, abs=1e-4)


@pytest.mark.parametrize("side", [1, -1])
def test_where_data_runs_out_the_exponent_is_still_found(side):
    """Sizes 100 to 1600, three seeds each: beyond 650 the data ends, or below it nothing fits."""
    draw = np.random.default_rng(3)
    x = np.repeat(np.log([100, 200, 400, 800, 1600]), 3)
    end = SLOPE * np.log(650 if side > 0 else 250)
    slopes, covered, ignoring = [], 0, []
    for _ in range(SIMULATIONS):
        y = SLOPE * x + draw.normal(0, 0.15, len(x))
        beyond = side * y > side * end
        known = np.where(beyond, end, y)
        low = np.where(beyond & (side < 0), -np.inf, known)
        high = np.where(beyond & (side > 0), np.inf, known)
        found = CensoredLine(x, low, high)
        least, most = found.interval(0.95)
        slopes.append(found.slope)
        covered += least <= SLOPE <= most
        ignoring.append(stats.linregress(x, known).slope)
    error = np.std(slopes) / math.sqrt(SIMULATIONS)
    assert abs(np.mean(slopes) - SLOPE) < 4 * error
    assert np.mean(ignoring) < SLOPE - 0.1
    assert covered >= stats.binom.ppf(0.01, SIMULATIONS, 0.95)


def test_the_slope_is_that_of_the_largest_likelihood_by_plain_search():
    x = np.log([100, 200, 400, 800, 1600])
    y = SLOPE * x + np.array([0.1, -0.1, 0.1, 0.0, -0.2])
    low, high = y.copy(), y.copy()
    low[0], high[4] = -np.inf, np.inf

    def loss(at):
        middle, deviation = at[0] + at[1] * x, math.exp(at[2])
        inner = stats.norm.logpdf(y[1:4], middle[1:4], deviation).sum()
        below = stats.norm.logcdf(y[0], middle[0], deviation)
        return -(inner + below + stats.norm.logsf(y[4], middle[4], deviation))

    options = {"xatol": 1e-9, "fatol": 1e-12, "maxiter": 10_000, "maxfev": 10_000}
    plain = optimize.minimize(loss, [0, 1, -1], method="Nelder-Mead", options=options)
    found = CensoredLine(x, low, high)
    least, most = found.interval(0.95)
    assert found.slope == pytest.approx(plain.x[1], abs=1e-4)
    assert least < found.slope < most


def test_a_perfect_line_has_a_narrow_interval():
    x = np.log([100.0, 200, 400, 800])
    found = CensoredLine(x, SLOPE * x, SLOPE * x)
    least, most = found.interval(0.95)
    assert found.slope == pytest.approx(SLOPE)
    assert SLOPE - 0.01 < least <= SLOPE <= most < SLOPE + 0.01
