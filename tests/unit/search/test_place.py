"""Where the next probes go."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.search.truth import logistic

from emc.search.limits import Limits
from emc.search.place import beside, next_sizes
from emc.search.posterior import Posterior

LIMITS = Limits(1, 4000, 0.05, 200)


def after(trials: int, emc50: float = 420) -> Posterior:
    """A posterior after trials at random sizes on a logistic curve."""
    draw, made, curve = np.random.default_rng(1), Posterior(LIMITS), logistic(emc50, 0.08)
    for _ in range(trials):
        n = int(np.exp(draw.uniform(np.log(emc50 / 3), np.log(emc50 * 3))))
        made.add(n, bool(draw.random() < curve(n)))
    return made


def test_the_first_probe_halves_the_range() -> None:
    (n,) = next_sizes(Posterior(LIMITS), 1, LIMITS)
    assert 20 < n < 200


def test_later_probes_lie_in_the_transition() -> None:
    (n,) = next_sizes(after(200), 1, LIMITS)
    assert 300 < n < 600


def test_a_large_first_round_brackets_the_whole_range() -> None:
    sizes = sorted(next_sizes(Posterior(LIMITS), 16, LIMITS))
    assert len(sizes) == 16
    assert sizes[0] <= 3
    assert sizes[-1] >= 2000
    gaps = np.diff(np.log(sizes))
    assert gaps.max() < 1.5


def test_a_large_later_round_sees_both_flanks() -> None:
    posterior = after(60)
    sizes = np.array(next_sizes(posterior, 32, LIMITS))
    median = posterior.transition().median
    assert 0.25 < np.mean(sizes < median) < 0.75


@pytest.mark.parametrize(
    ("emc50", "ratio", "sizes"),
    [(420, 1.2, (350, 504)), (1.4, 1.2, (1, 2)), (2.8, 1.08, (2, 3)), (3.0, 1.01, (3, 4))],
)
def test_sizes_beside_emc50_lie_on_both_sides(
    emc50: float, ratio: float, sizes: tuple[int, int]
) -> None:
    assert beside(emc50, ratio) == sizes


@given(st.integers(1, 40), st.integers(1, 50), st.integers(0, 500), st.integers(0, 6))
def test_sizes_are_sizes_that_can_be_drawn(
    count: int, smallest: int, more: int, trials: int
) -> None:
    largest = smallest + more
    limits = Limits(smallest, largest, 0.05, 200)
    posterior = Posterior(limits)
    for index in range(trials):
        posterior.add(smallest + index * more // 6, index % 2 == 0)
    sizes = next_sizes(posterior, count, limits)
    assert len(sizes) == count
    assert all(smallest <= size <= largest for size in sizes)
