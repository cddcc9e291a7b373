"""Tests and intervals against scipy and statsmodels."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower

from emc.findings.inference import (
    holm,
    mean_interval,
    sign_test,
    t_test,
    units_wanted,
    wilcoxon,
)

VALUES = st.lists(st.floats(-3, 3).map(lambda x: round(x, 3)), min_size=2, max_size=30)


@given(VALUES)
def test_interval_and_p_are_those_of_a_t_test(values):
    array = np.array(values)
    found = mean_interval(array)
    assert found.mean == pytest.approx(array.mean())
    if np.ptp(array) > 0:
        wanted = stats.ttest_1samp(array, 0)
        interval = wanted.confidence_interval(0.95)
        assert found.low == pytest.approx(interval.low)
        assert found.high == pytest.approx(interval.high)
        assert t_test(array) == pytest.approx(wanted.pvalue)


@pytest.mark.parametrize("test", [t_test, wilcoxon])
def test_fewer_than_two_values_have_no_p(test):
    assert math.isnan(test(np.array([1.0])))
    assert math.isnan(test(np.empty(0)))


def test_equal_values_leave_no_doubt():
    assert t_test(np.array([0.0, 0.0])) == 1
    assert t_test(np.array([0.1, 0.1])) == 0
    assert wilcoxon(np.zeros(4)) == 1


def test_wilcoxon_is_exact_for_few_values():
    assert wilcoxon(np.array([0.1, 0.2, 0.3, 0.4, 0.5])) == pytest.approx(2 / 2**5)


@settings(max_examples=15)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=9))
def test_holm_is_that_of_statsmodels(p):
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1].tolist())


def test_holm_does_not_count_what_could_not_be_tested():
    found = holm([0.01, math.nan, 0.04])
    assert found[0] == pytest.approx(0.02)
    assert found[2] == pytest.approx(0.04)
    assert math.isnan(found[1])


@pytest.mark.parametrize("size", [0.05, 0.2, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("significance", [0.05, 0.01])
def test_wanted_units_give_the_power_that_statsmodels_finds(size, significance):
    found = units_wanted(size, significance)
    power = TTestPower()
    enough = power.power(size, nobs=found, alpha=significance)
    fewer = power.power(size, nobs=found - 1, alpha=significance)
    assert fewer < 0.8 <= enough + 1e-9


@pytest.mark.parametrize("size", [2.0, 3.0, 5.8, 7.0, 10.0, 40.0])
def test_wanted_units_of_a_large_effect_are_few(size):
    significance = 0.05 / 28
    found = units_wanted(size, significance)
    assert found is not None
    scales = stats.chi2(found - 1).ppf((np.arange(20000) + 0.5) / 20000)
    edge = stats.t.isf(significance / 2, found - 1) * np.sqrt(scales / (found - 1))
    power = np.mean(stats.norm.sf(edge - size * math.sqrt(found)))
    assert power >= 0.8
    assert found <= units_wanted(size / 1.2, significance)


@pytest.mark.parametrize("size", [math.nan, 0.0, 0.005])
def test_wanted_units_may_not_be_known(size):
    assert units_wanted(size, 0.05) is None


def test_the_sign_test_is_binomial():
    assert sign_test(6, 0) == pytest.approx(2 / 2**6)
    assert sign_test(2, 2) == 1
    assert math.isnan(sign_test(0, 0))
