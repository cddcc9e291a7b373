"""Equal inputs, held against a comparison of every pair."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emc.data.equality import EqualInputs, blocks, digests, equal_inputs

samples = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=25)


@given(samples)
def test_counts_match_all_pairs(found: list[tuple[int, int]]) -> None:
    inputs = np.array([[value, 9] for value, _ in found], dtype=np.uint8)
    labels = np.array([label for _, label in found])
    equal = equal_inputs(digests(inputs), labels)
    values = {value for value, _ in found}
    pairs = [(a, b) for a, b in combinations(found, 2) if a[0] == b[0]]
    assert equal.samples == len(found)
    assert equal.distinct == len(values)
    assert equal.conflicts == sum(
        len({label for value, label in found if value == one}) > 1 for one in values
    )
    assert equal.pairs == len(pairs)
    assert equal.conflicting_pairs == sum(a[1] != b[1] for a, b in pairs)


def test_digests_tell_rows_apart_and_ignore_layout() -> None:
    rows = np.random.default_rng(0).standard_normal((50, 3, 4)).astype(np.float32)
    rows[7] = rows[31]
    keys = digests(rows)
    assert keys.shape == (50, 2)
    assert len(np.unique(keys, axis=0)) == 49
    np.testing.assert_array_equal(keys, digests(np.asfortranarray(rows)))


def test_blocks_cover_rows_once() -> None:
    rows = np.zeros((10, 1 << 20), dtype=np.uint8)
    found = list(blocks(rows))
    assert len(found) == 3
    assert [row for block in found for row in range(block.start, block.stop)] == list(range(10))
    assert list(blocks(rows[:0])) == []


def test_expected_conflicts_match_a_simulation() -> None:
    labels = np.array([0, 1, 0, 1, 1, 0, 0, 1, 0, 1])
    inputs = np.array([0, 0, 0, 1, 1, 2, 3, 4, 5, 6], dtype=np.uint8)[:, None]
    equal = equal_inputs(digests(inputs), labels)
    assert (equal.pairs, equal.conflicting_pairs) == (4, 2)
    draw = np.random.default_rng(1)
    seen = 0
    for _ in range(4000):
        rows = draw.choice(10, 4, replace=False)
        seen += sum(
            inputs[a, 0] == inputs[b, 0] and labels[a] != labels[b]
            for a, b in combinations(rows, 2)
        )
    assert equal.expected_conflicts(4) == pytest.approx(2 * 12 / 90)
    assert seen / 4000 == pytest.approx(equal.expected_conflicts(4), abs=0.04)


def test_whole_data_set_has_all_conflicts_and_one_sample_none() -> None:
    equal = EqualInputs(samples=30, duplicates=3, conflicts=2, pairs=4, conflicting_pairs=3)
    assert equal.expected_conflicts(30) == 3
    assert equal.expected_conflicts(1) == 0
