"""Effects: their numbers, their direction, their words."""

import math

import numpy as np
import pytest
from tests.synthetic import SETTINGS, factorial, write_study

from emc.findings import effects
from emc.findings.effects import effect, ratio_in_words
from emc.findings.pairs import Pairs
from emc.warehouse import build, open_database


def pairs(log_ratios, configurations=2):
    values = np.array(log_ratios)
    return Pairs(values, values, len(values), configurations, unknown=0)


def test_an_effect_is_seen_from_the_larger_level():
    found = effect("optimizer", "gd", "sgd", pairs([-0.5, -0.7]))
    assert (found.over, found.under) == ("sgd", "gd")
    assert found.ratio == pytest.approx(math.exp(0.6))
    assert found.low < found.ratio < found.high


def test_one_pair_has_no_interval():
    found = effect("optimizer", "sgd", "gd", pairs([0.5], configurations=1))
    assert math.isnan(found.low)
    assert not found.certain
    assert found.sentence == (
        "At minima, EMC with sgd is 1.65 times that with gd (no interval, 1 pair of cells of one"
        " configuration)."
    )


def test_no_pair_is_no_effect():
    assert effect("optimizer", "sgd", "gd", pairs([])) is None


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        ("architecture", "At minima, EMC per parameter with a is 1.82 times that with b "),
        ("labels", "At minima, EMC with a labels is 1.82 times that with b labels "),
        (
            "weight_decay",
            "At minima, EMC with weight decay a is 1.82 times that with weight decay b ",
        ),
        ("activation", "At minima, EMC with a is 1.82 times that with b "),
    ],
)
def test_sentences_name_levels_interval_and_pairs(factor, words):
    found = effect(factor, "a", "b", pairs([0.5, 0.6, 0.7], configurations=3))
    numbers = "(95 % interval 1.42 to 2.34, 3 pairs of cells in 3 configurations)."
    assert found.sentence == words + numbers


def test_effects_of_a_study_are_near_the_truth_and_sorted(warehouse):
    found = effects(warehouse)
    assert all(made.ratio >= 1 for made in found)
    order = [(not made.certain, -made.ratio) for made in found]
    assert order == sorted(order)
    by_levels = {(made.over, made.under): made for made in found}
    assert by_levels["sgd", "gd"].ratio == pytest.approx(1 / 0.6, rel=0.2)
    assert by_levels["original", "random"].ratio == pytest.approx(1.6, rel=0.1)
    assert by_levels["cnn", "mlp"].ratio == pytest.approx(0.35 / 0.2, rel=0.25)
    assert by_levels["original", "random"].certain


def test_a_study_without_results_has_no_effects(tmp_path):
    study = write_study(tmp_path, factorial(seed=[0]), unmeasured=1)
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as warehouse:
        assert not effects(warehouse)


@pytest.mark.parametrize(
    ("ratio", "told"),
    [
        (18.966, "18.97"),
        (1.0, "1.00"),
        (0.0123, "0.012"),
        (12345.6, "12,346"),
        (297235167.39, "more than a million"),
        (math.inf, "more than a million"),
        (1e-9, "less than a millionth"),
    ],
)
def test_a_ratio_is_told_as_far_as_it_means_something(ratio, told):
    assert ratio_in_words(ratio) == told
