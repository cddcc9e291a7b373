"""The set of sizes that no bet refutes, against all bets weighed for one candidate at a time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emc.search.betting import Bets

trials = st.lists(
    st.tuples(st.integers(1, 30), st.booleans(), st.floats(0.0, 1.0)), min_size=1, max_size=40
)


def refuted(m: int, told: list[tuple[int, bool, float]]) -> bool:
    """Whether the stake against m ever reached 20, one bet after another."""
    stake = 1.0
    for n, fit, expected in told:
        p = min(max(expected, 0.03), 0.97)
        if (p < 0.5 and n <= m) or (p >= 0.5 and n > m):
            stake *= 2 * (p if fit else 1 - p)
        if stake >= 20 * (1 - 1e-12):
            return True
    return False


@given(trials)
def test_the_set_is_what_bets_against_each_candidate_leave(
    told: list[tuple[int, bool, float]],
) -> None:
    bets = Bets()
    for one in told:
        bets.add(*one)
    left = [m for m in range(32) if not refuted(m, told)]
    assert bets.crosses_once == bool(left)
    if left:
        low, high = bets.ends
        sizes = sorted({n for n, _, _ in told})
        assert low == max((n for n in sizes if n <= left[0]), default=None)
        assert high == min((n for n in sizes if n > left[-1]), default=None)


def test_without_bets_every_size_is_possible() -> None:
    assert Bets().ends == (None, None)


def test_sure_fits_and_failures_leave_what_lies_between() -> None:
    bets = Bets()
    for _ in range(5):
        bets.add(100, True, 0.97)
        bets.add(200, False, 0.03)
    assert bets.ends == (100.0, 200.0)


def test_failures_below_fits_leave_no_single_crossing() -> None:
    bets = Bets()
    for _ in range(8):
        bets.add(100, False, 0.03)
        bets.add(200, True, 0.97)
    assert not bets.crosses_once
    low, high = bets.ends
    assert (low, high) == (100.0, 200.0)


def test_where_a_weak_level_leaves_none_the_least_refuted_stand_for_it() -> None:
    """Stakes reach 1.94 ** 3 below 100, 1.94 ** 2 from there on and 1.94 ** 5 from 200 on."""
    bets = Bets()
    for _ in range(2):
        bets.add(100, False, 0.03)
    for _ in range(3):
        bets.add(100, True, 0.97)
        bets.add(200, False, 0.03)
    assert bets.left(0.4) == (100.0, 200.0)
    assert bets.left(0.2) == (100.0, 200.0)
    assert bets.crosses_once


@given(trials, st.floats(0.01, 0.99))
def test_bets_leave_fewer_at_a_weaker_level(
    told: list[tuple[int, bool, float]], level: float
) -> None:
    bets = Bets()
    for one in told:
        bets.add(*one)
    wide, narrow = bets.left(level / 2), bets.left(level)
    assert (wide[0] or 0) <= (narrow[0] or 0)
    assert (wide[1] or np.inf) >= (narrow[1] or np.inf)


@pytest.mark.parametrize("seed", range(3))
def test_the_truth_is_refuted_with_probability_005_at_most(seed: int) -> None:
    """At the worst curve, one half everywhere, where every bet is fair."""
    draw = np.random.default_rng(seed)
    lost = 0
    for _ in range(200):
        bets = Bets()
        for _ in range(60):
            n = int(draw.integers(1, 400))
            bets.add(n, bool(draw.random() < 0.5), float(draw.random()))
        low, high = bets.ends
        lost += (low or 0.0) > 200 or (high or 400.0) < 200
    assert lost <= 20
