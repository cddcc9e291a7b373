"""The censored mean against the t test, scipy's censored fit, and its own promises."""

import math

import numpy as np
import pytest
from scipy import stats

from emc.findings.censored import CensoredMean


def above(values: np.ndarray, bound: float) -> CensoredMean:
    """Values of which those beyond a bound are only known to exceed it."""
    hidden = values > bound
    return CensoredMean(np.where(hidden, bound, values), np.where(hidden, math.inf, values))


def test_without_bounds_it_is_the_t_test():
    values = np.random.default_rng(0).normal(0.3, 1, 9)
    found = CensoredMean(values, values)
    wanted = stats.ttest_1samp(values, 0.1)
    interval = wanted.confidence_interval(0.95)
    assert found.mean == pytest.approx(values.mean(), abs=1e-5)
    assert found.deviation == pytest.approx(values.std(ddof=1), rel=1e-4)
    assert found.p(0.1) == pytest.approx(wanted.pvalue, rel=1e-4)
    assert found.interval(0.95) == pytest.approx((interval.low, interval.high), abs=1e-4)


def test_with_bounds_the_mean_is_that_of_scipys_censored_fit():
    values = np.random.default_rng(1).normal(0.3, 1, 30)
    found = above(values, 0.5)
    known = values[values <= 0.5]
    data = stats.CensoredData(uncensored=known, right=[0.5] * (30 - len(known)))
    mean, deviation = stats.norm.fit(data)
    assert found.mean == pytest.approx(mean, abs=1e-3)
    exact = len(known)
    assert found.deviation == pytest.approx(deviation * math.sqrt(exact / (exact - 1)), rel=1e-3)


def test_leaving_bounds_out_would_bias_the_mean():
    values = np.random.default_rng(2).normal(0.0, 1, 200)
    assert above(values, 0.0).mean == pytest.approx(0, abs=0.15)
    assert values[values <= 0].mean() < -0.5


def test_the_interval_holds_what_the_test_does_not_reject():
    found = above(np.random.default_rng(3).normal(0.3, 1, 12), 0.5)
    low, high = found.interval(0.95)
    assert low < found.mean < high
    assert found.p(low) == pytest.approx(0.05, abs=1e-3)
    assert found.p(high) == pytest.approx(0.05, abs=1e-3)


def test_upper_bounds_mirror_lower_ones():
    values = np.random.default_rng(4).normal(0.3, 1, 12)
    right = above(values, 0.4)
    left = CensoredMean(-right.high, -right.low)
    assert left.mean == pytest.approx(-right.mean, abs=1e-5)
    assert left.p(0) == pytest.approx(right.p(0), rel=1e-3)


def test_equal_values_with_a_bound_beyond_them_leave_little_doubt():
    low = np.array([0.5, 0.5, 0.5, 0.6])
    found = CensoredMean(low, np.array([0.5, 0.5, 0.5, math.inf]))
    assert found.mean >= 0.5
    assert found.p(0) < 0.05


@pytest.mark.slow
@pytest.mark.parametrize(("units", "bound"), [(6, 0.5), (12, 0.0)])
def test_a_true_null_is_rejected_in_under_five_percent(units, bound):
    draw = np.random.default_rng(units)
    studies = [above(draw.normal(0, 1, units), bound) for _ in range(150)]
    tested = [one for one in studies if len(one.exact) >= 3]
    rejected = sum(one.p(0) < 0.05 for one in tested)
    # No more than what an error of 0.05 exceeds in one run of a hundred.
    assert rejected <= stats.binom.ppf(0.99, len(tested), 0.05)
