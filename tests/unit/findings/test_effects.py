"""Ratios over matched cells against scipy's paired t test and plain arithmetic."""

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from tests.synthetic import SETTINGS, edit_document, factorial, write_study

from emc.findings import effect, effects
from emc.warehouse import build, open_database


def pairs(log_ratios: list[float], saturated: list[bool] | None = None) -> pl.DataFrame:
    return pl.DataFrame(
        {"log_ratio": log_ratios, "saturated": saturated or [False] * len(log_ratios)},
        schema={"log_ratio": pl.Float64, "saturated": pl.Boolean},
    )


@given(st.lists(st.floats(-3, 3), min_size=2, max_size=30))
def test_the_interval_is_that_of_a_paired_t_test(log_ratios):
    found = effect(pairs(log_ratios), "optimizer", "sgd", "gd")
    assert found.ratio == pytest.approx(math.exp(np.mean(log_ratios)))
    if np.std(log_ratios) > 1e-6:
        interval = stats.ttest_1samp(log_ratios, 0).confidence_interval(0.95)
        assert math.log(found.low) == pytest.approx(interval.low, abs=1e-9)
        assert math.log(found.high) == pytest.approx(interval.high, abs=1e-9)


def test_one_pair_has_no_interval():
    found = effect(pairs([0.5]), "optimizer", "sgd", "gd")
    assert (found.pairs, found.certain) == (1, False)
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert found.sentence == (
        "EMC with sgd is 1.65 times that with gd (one pair of cells, no interval)."
    )


def test_lower_bounds_are_left_out_and_counted():
    found = effect(pairs([0.5, 0.7, 9.0], [False, False, True]), "optimizer", "sgd", "gd")
    assert (found.pairs, found.saturated) == (2, 1)
    assert found.ratio == pytest.approx(math.exp(0.6))


def test_nothing_but_lower_bounds_is_no_effect():
    assert effect(pairs([0.5], [True]), "optimizer", "sgd", "gd") is None
    assert effect(pairs([]), "optimizer", "sgd", "gd") is None


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        ("architecture", "EMC per parameter with a is "),
        ("labels", "EMC with a labels is "),
        ("activation", "EMC with a is "),
    ],
)
def test_sentences_name_measure_interval_and_pairs(factor, words):
    found = effect(pairs([0.5, 0.6, 0.7]), factor, "a", "b")
    assert found.sentence.startswith(words)
    assert "1.82 times that with b (95 % interval 1.42 to 2.34, 3 pairs of cells)" in found.sentence


def test_an_interval_across_one_is_said_to_be():
    found = effect(pairs([0.5, -0.4, 0.1]), "activation", "a", "b")
    assert not found.certain
    assert "it may be none" in found.sentence


def test_effects_of_a_study_average_replicates_within_a_group(tmp_path):
    emc50 = {("sgd", 0): 100.0, ("gd", 0): 50.0, ("sgd", 1): 300.0, ("gd", 1): 100.0}
    cells = factorial(optimizer=["sgd", "gd"], seed=[0, 1])
    study = write_study(tmp_path, cells, probes=5)
    for plan in study.planned:
        path = study.results.cell(plan.id).estimate
        edit_document(path, {"emc50": emc50[plan.cell.optimizer.name, plan.cell.seed]})
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as warehouse:
        (found,) = effects(warehouse)
    assert (found.factor, found.over, found.under, found.pairs) == ("optimizer", "sgd", "gd", 2)
    assert found.ratio == pytest.approx(math.sqrt(2 * 3))


def test_effects_of_a_study_point_from_larger_to_smaller_and_are_sorted(warehouse):
    found = effects(warehouse)
    assert all(made.ratio >= 1 for made in found)
    assert [made.certain for made in found] == sorted((m.certain for m in found), reverse=True)
    certain = [made.ratio for made in found if made.certain]
    assert certain == sorted(certain, reverse=True)
    by_levels = {(made.over, made.under): made for made in found}
    assert by_levels["sgd", "gd"].ratio == pytest.approx(1 / 0.6, rel=0.2)
    assert by_levels["original", "random"].ratio == pytest.approx(1.6, rel=0.1)
    assert by_levels["cnn", "mlp"].ratio == pytest.approx(0.35 / 0.2, rel=0.25)


def test_a_study_without_results_has_no_effects(tmp_path):
    study = write_study(tmp_path, factorial(seed=[0]), unmeasured=1)
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as warehouse:
        assert effects(warehouse) == []
