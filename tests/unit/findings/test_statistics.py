"""Decisions on pairs and associations whose truth is known."""

import math

import numpy as np
import pytest
from scipy import stats

from emc.findings.association import Association
from emc.findings.pairs import Pairs
from emc.findings.statistics import Expectation, statistics

GREATER, LESS, EQUAL, NOT_LESS = (
    Expectation.GREATER,
    Expectation.LESS,
    Expectation.EQUAL,
    Expectation.NOT_LESS,
)


def units(low, high=None) -> Pairs:
    low = np.array(low, float)
    high = low if high is None else np.array(high, float)
    return Pairs(low, high, len(low), len(low), unknown=0)


def test_equality_is_two_one_sided_tests():
    values = np.array([0.01, -0.02, 0.03, 0.0, -0.01, 0.02])
    found = statistics(units(values), EQUAL, 1.1)
    edge = math.log(1.1)
    above = stats.ttest_1samp(values, -edge, alternative="greater").pvalue
    below = stats.ttest_1samp(values, edge, alternative="less").pvalue
    assert found.p == pytest.approx(max(above, below))
    assert found.agrees


def test_a_difference_beyond_the_margin_contradicts_equality():
    found = statistics(units([0.5, 0.6, 0.55, 0.52]), EQUAL, 1.1)
    assert found.p < 0.01
    assert not found.agrees


def test_a_wide_spread_leaves_equality_open():
    found = statistics(units([0.5, -0.6, 0.55, -0.4]), EQUAL, 1.1)
    assert found.p > 0.05


def test_not_less_allows_the_margin():
    values = np.array([-0.02, 0.01, -0.01, 0.0, -0.03])
    found = statistics(units(values), NOT_LESS, 1.1)
    wanted = stats.ttest_1samp(values, -math.log(1.1))
    assert found.p == pytest.approx(wanted.pvalue)
    assert found.agrees
    assert not statistics(units(values - 0.5), NOT_LESS, 1.1).agrees


def test_orderings_alone_decide_where_exact_ratios_are_few():
    low, infinite = [0.2] * 7, [math.inf] * 7
    found = statistics(units(low, infinite), GREATER, 1.1)
    assert found.p == found.p_sign == pytest.approx(2 / 2**7)
    assert (found.agrees, found.bounds) == (True, 7)
    assert math.isnan(found.effect)
    assert not statistics(units(low, infinite), LESS, 1.1).agrees


def test_bounds_that_leave_the_order_open_do_not_count():
    found = statistics(units([-0.2] * 9, [math.inf] * 9), GREATER, 1.1)
    assert math.isnan(found.p)


def test_bounds_join_exact_ratios():
    low = [0.3, 0.4, 0.35, 0.5, 0.45]
    high = [0.3, 0.4, 0.35, math.inf, math.inf]
    found = statistics(units(low, high), GREATER, 1.1)
    assert found.p < 0.05
    assert found.effect > math.exp(0.35)
    assert (found.units, found.bounds) == (5, 2)


@pytest.mark.parametrize("low", [[], [0.3], [0.3, 0.4]])
def test_fewer_than_three_units_have_no_p(low):
    assert math.isnan(statistics(units(low), GREATER, 1.1).p)


def association(draw, slope, count=40, confounding=1.0) -> Association:
    """Both numbers follow size; beyond it, y follows x by `slope`."""
    size = draw.normal(8, 1, count)
    x = confounding * size + draw.normal(0, 1, count)
    y = confounding * size + slope * (x - confounding * size) + draw.normal(0, 0.3, count)
    return Association(x, y, size, draw.choice(["mlp", "cnn"], count), pairs=count, unknown=0)


def test_readings_that_differ_decide_nothing_at_any_number():
    """With open runs unfitted all ratios lie below one, left out above."""
    low = np.array([-0.3, -0.33, -0.27])
    found = statistics(units(low, -low), GREATER, 1.1)
    assert found.differ
    assert found.p == 1
    assert math.isnan(found.size)
    same = statistics(units(low, low / 2), GREATER, 1.1)
    assert not same.differ
    assert same.size > 0


def test_the_partial_correlation_is_that_of_residuals():
    found = association(np.random.default_rng(0), -0.5)
    held = np.column_stack([found.stratum == "cnn", np.ones(40), found.size])
    rest = [v - held @ np.linalg.lstsq(held, v)[0] for v in (found.x, found.y)]
    wanted = stats.pearsonr(*rest).statistic
    assert found.partial == pytest.approx(wanted)
    # The p value of a regression's slope is that of the partial correlation.
    design = np.column_stack([found.x, held])
    slope, rss, *_ = np.linalg.lstsq(design, found.y)
    variance = rss[0] / (40 - 4) * np.linalg.inv(design.T @ design)[0, 0]
    assert found.freedom == 36
    assert found.p == pytest.approx(2 * stats.t.sf(abs(slope[0]) / math.sqrt(variance), 36))


def test_an_association_that_size_explains_is_none():
    found = association(np.random.default_rng(1), 0.0, count=60, confounding=3.0)
    assert found.pearson > 0.8
    assert abs(found.partial) < 0.35
    decided = statistics(found, LESS, 1.1)
    assert decided.low < decided.effect < decided.high


def test_a_prediction_beyond_size_is_found():
    decided = statistics(association(np.random.default_rng(2), -0.5), LESS, 1.1)
    assert decided.agrees
    assert decided.p < 1e-4
    assert decided.high < 0
    assert decided.measure == "correlation"


def test_a_true_null_association_is_rejected_in_under_five_percent():
    draw = np.random.default_rng(3)
    p = np.array([association(draw, 0.0, count=15).p for _ in range(400)])
    assert (p < 0.05).sum() <= stats.binom.ppf(0.99, 400, 0.05)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_too_few_configurations_have_no_correlation(count):
    found = association(np.random.default_rng(4), -0.5, count=count)
    assert math.isnan(statistics(found, LESS, 1.1).p)


def test_kendall_is_scipys():
    found = association(np.random.default_rng(5), -0.5)
    assert found.kendall == stats.kendalltau(found.x, found.y).statistic
    low, high = found.interval(lambda sample: sample.kendall)
    assert low < found.kendall < high


def test_no_spread_is_no_correlation():
    flat = np.ones(6)
    found = Association(flat, flat, np.arange(6.0), np.array(["mlp"] * 6), pairs=6, unknown=0)
    assert math.isnan(found.pearson)
    assert math.isnan(found.kendall)
    assert math.isnan(found.partial)
