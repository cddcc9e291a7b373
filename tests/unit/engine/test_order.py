"""Permutations against SplitMix64 and Fisher-Yates written out."""

from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.engine.naive import shuffled

from emc.engine.order import Shuffles, epochs, joint_permutations, permutations


@pytest.mark.parametrize("n", [1, 2, 3, 64, 65, 66, 200])
def test_permutations_are_the_written_out_ones(n: int) -> None:
    found = permutations(7, n, first=3, count=4)
    assert found.tolist() == [shuffled(7, 3 + epoch, n) for epoch in range(4)]


def test_the_first_permutations_are_pinned() -> None:
    pinned = [[6, 2, 1, 0, 7, 4, 5, 3], [3, 6, 0, 5, 2, 1, 7, 4]]
    assert permutations(0, 8, 0, 2).tolist() == pinned


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 150), min_size=1, max_size=5),
    first=st.integers(0, 2**20),
    seed=st.integers(0, 2**62),
)
def test_replicas_shuffle_side_by_side_as_they_do_alone(
    sizes: list[int], first: int, seed: int
) -> None:
    seeds = [seed + place for place in range(len(sizes))]
    together = joint_permutations(seeds, sizes, first, 2)
    for own_seed, n, found in zip(seeds, sizes, together, strict=True):
        np.testing.assert_array_equal(found, permutations(own_seed, n, first, 2))


def test_epochs_go_on_over_the_blocks() -> None:
    found = list(islice(epochs(5, 6), 70))
    np.testing.assert_array_equal(found, permutations(5, 6, 0, 70))


def test_dropped_replicas_leave_the_others_as_they_were() -> None:
    shuffles = Shuffles([1, 2, 3], [4, 9, 6])
    streams = [shuffles.epochs(replica) for replica in range(3)]
    for _ in range(10):
        for stream in streams:
            next(stream)
    shuffles.keep([1])
    found = list(islice(streams[1], 90))
    np.testing.assert_array_equal(found, permutations(2, 9, 10, 90))


def test_every_place_is_equally_likely() -> None:
    n, count = 6, 6000
    table = permutations(11, n, 0, count)
    for place in range(n):
        seen = np.bincount(table[:, place], minlength=n)
        # Binomial with probability 1/6: five standard deviations.
        assert abs(seen - count / n).max() < 5 * (count * (1 / n) * (1 - 1 / n)) ** 0.5
