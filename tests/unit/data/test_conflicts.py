"""What no net fits of samples and a labelling, held against a comparison of every pair."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emc.data.conflicts import Conflicts, conflicts_of
from emc.data.labelling import Drawn, draw
from emc.measurement.arrays import ArraySamples
from emc.study.labels import Classes, Labels, Noisy, Original, PermutedPixels, Random, RandomInputs

samples = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=25)


def of(found: list[tuple[int, int]], classes: int = 4) -> ArraySamples:
    inputs = np.array([[value, 9] for value, _ in found], dtype=np.float32)
    return ArraySamples(inputs, np.array([label for _, label in found]), classes)


@pytest.mark.parametrize(
    ("rule", "merged"),
    [(Original(name="original"), 4), (Classes(name="classes", count=2), 2)],
)
@given(samples)
def test_samples_and_pairs_match_all_pairs(
    rule: Labels, merged: int, found: list[tuple[int, int]]
) -> None:
    labelled = [(value, label % merged) for value, label in found]
    pairs = [
        (a, b)
        for a, b in combinations(range(len(labelled)), 2)
        if labelled[a][0] == labelled[b][0] and labelled[a][1] != labelled[b][1]
    ]
    involved = len({one for pair in pairs for one in pair})
    wanted = Conflicts(len(found), involved, len(pairs), False) if pairs else None
    assert conflicts_of(of(found), rule) == wanted


def test_random_labels_differ_as_often_as_they_are_drawn_to() -> None:
    """The mean over draws, within four standard errors of what is expected."""
    data = of([(0, 0), (0, 0), (0, 0), (1, 1), (1, 1), (2, 2)], classes=3)
    rule = Random(name="random")
    found = conflicts_of(data, rule)
    assert found is not None
    assert (found.samples, found.involved, found.drawn) == (6, 5, True)
    assert found.pairs == pytest.approx(4 * 2 / 3)
    counts = [_conflicting(draw(data, rule, 6, seed)) for seed in range(500)]
    assert np.mean(counts) == pytest.approx(found.pairs, abs=4 * np.std(counts) / 500**0.5)


def _conflicting(drawn: Drawn) -> int:
    inputs, labels = drawn.inputs[drawn.rows], drawn.labels
    return sum(
        bool((inputs[a] == inputs[b]).all()) and labels[a] != labels[b]
        for a, b in combinations(range(len(labels)), 2)
    )


@pytest.mark.parametrize(
    "rule", [RandomInputs(name="random-inputs"), PermutedPixels(name="permuted-pixels")]
)
def test_inputs_that_are_drawn_are_never_equal(rule: Labels) -> None:
    assert conflicts_of(of([(0, 0), (0, 1)]), rule) is None


def test_noisy_labels_count_as_the_original_ones() -> None:
    data = of([(0, 0), (0, 1), (1, 1)])
    assert conflicts_of(data, Noisy(name="noisy", fraction=0.1)) == Conflicts(3, 2, 1, False)


def test_zeros_of_both_signs_are_one_input() -> None:
    inputs = np.array([[0.0, 1.0], [-0.0, 1.0]], np.float32)
    data = ArraySamples(inputs, np.array([0, 1]), 2)
    assert conflicts_of(data, Original(name="original")) == Conflicts(2, 2, 1, False)


def test_what_is_told() -> None:
    assert Conflicts(500, 3, 2, False).told == (
        "3 of 500 samples have the same input as another with another label: no net fits both"
    )
    assert Conflicts(1500, 3, 2, True).told == (
        "3 of 1,500 samples have the same input as another: no net fits both where their random"
        " labels differ"
    )


def test_half_a_conflict_among_as_many_samples_as_fit_may_bound_the_number() -> None:
    """Ten pairs of 100 samples: 10 * 23 * 22 / 9900 = 0.511 are expected among 23."""
    found = Conflicts(100, 20, 10, False)
    assert found.bounding(22, 1.0) is None
    assert found.bounding(23, 1.0) == (
        "23 samples have on average 0.511 pairs of equal inputs with different labels, which no"
        " net fits: the data, not the net, may bound the number"
    )
    assert found.bounding(23, 0.99) is None, "0.23 errors are allowed"
