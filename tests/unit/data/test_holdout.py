"""The held-out fifth."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from emc.data.holdout import held_out, held_out_of_class


@given(st.lists(st.integers(0, 4), min_size=1, max_size=200))
def test_a_fifth_of_each_class_rounded(labels: list[int]) -> None:
    found = np.array(labels)
    mask = held_out(found)
    for label in range(5):
        count = (found == label).sum()
        assert mask[found == label].sum() == round(count / 5)


def test_a_class_keeps_its_samples_wherever_they_lie() -> None:
    labels = np.array([0, 1] * 25)
    np.testing.assert_array_equal(held_out(labels)[labels == 1], held_out_of_class(25, 1))


def test_it_never_changes() -> None:
    assert np.flatnonzero(held_out_of_class(20, 3)).tolist() == [3, 9, 12, 16]


def test_single_samples_are_for_training() -> None:
    assert not held_out(np.array([0, 1, 2, 2])).any()
