"""The posterior of emc50 against one computed at once on a dense grid."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import xlogy
from scipy.stats import norm

from emc.search.curve import transition_width
from emc.search.limits import ExpectedCapacity, Limits
from emc.search.posterior import Posterior
from emc.search.prior import SLOPES, curves

OUTCOMES = [(100, True), (400, False), (200, True), (280, False), (240, True), (260, False)]


LIMITS = Limits(1, 4000, 0.05, 200)
SHAPES = np.array(
    [
        (0.004, 0.002, 1, 0.40),
        (0.03, 0.002, 1, 0.16),
        (0.22, 0.002, 1, 0.015),
        (0.40, 0.002, 1, 0.015),
        (0.01, 0.22, 1, 0.015),
        (0.01, 0.40, 1, 0.015),
        (0.01, 0.002, 5, 0.19),
        (0.01, 0.002, 0.2, 0.19),
    ]
)
"""Lapse, guess, skew and prior probability."""

FAMILIES = ([0, 1], [6], [7])
"""Shapes of one transition of nearly all runs: each that holds a tenth of the mass has an interval
of its own."""


CENTRES = np.linspace(np.log(LIMITS.smallest / 4), np.log(LIMITS.largest * 4), 6001)


def fitted(n: int) -> np.ndarray:
    """Pr[fit | n] [centres, slopes, shapes]."""
    lapses, guesses, skews, _ = SHAPES.T
    span = 1 - lapses - guesses
    half = (0.5 - guesses) / span
    z = (CENTRES[:, None, None] - np.log(n)) / SLOPES[:, None]
    z = np.where(z > 0, z * np.sqrt(skews), z / np.sqrt(skews)) + np.log(half / (1 - half))
    return guesses + span / (1 + np.exp(-np.clip(z, -40, 40)))


def mass(outcomes: list[tuple[int, bool]], centre_prior: np.ndarray | float = 1.0) -> np.ndarray:
    """Weights [centres, slopes, shapes] by brute force: no adaptive grid, no increments."""
    spent = 32 + 3.4 * (3.92 * SLOPES / LIMITS.tolerance) ** 2
    prior = np.sqrt(np.minimum(LIMITS.probes, spent))[:, None] * SHAPES[:, 3]
    weights = np.tile(prior, (len(CENTRES), 1, 1)) * np.reshape(centre_prior, (-1, 1, 1))
    for n, fit in outcomes:
        weights *= fitted(n) if fit else 1 - fitted(n)
    return weights / weights.sum()


def dense(outcomes: list[tuple[int, bool]], centre_prior: np.ndarray | float = 1.0) -> np.ndarray:
    """Interval and median of emc50."""
    weights = mass(outcomes, centre_prior)
    upper_edges = CENTRES + (CENTRES[1] - CENTRES[0]) / 2
    found = []
    for shapes in (range(8), *FAMILIES):
        marginal = weights[:, :, list(shapes)].sum(axis=(1, 2))
        if marginal.sum() > 0.1:
            shares = np.cumsum(marginal / marginal.sum())
            found.append(np.interp([0.025, 0.5, 0.975], shares, upper_edges))
    lows, medians, highs = zip(*found, strict=True)
    return np.exp([min(lows), medians[0], max(highs)])


def entropy(p: np.ndarray | float) -> np.ndarray:
    return -xlogy(p, p) - xlogy(1 - p, 1 - p)


def information(outcomes: list[tuple[int, bool]], n: int) -> float:
    """Of the next outcome at n about emc50 and the family, in nats, from its definition."""
    weights, p = mass(outcomes), fitted(n)
    unsaid = 0.0
    for shapes in (*FAMILIES, [2, 3, 4, 5]):
        own = weights[:, :, shapes].sum(axis=(1, 2))
        fits = (weights * p)[:, :, shapes].sum(axis=(1, 2))
        unsaid += float(own @ entropy(np.divide(fits, own, where=own > 0, out=0 * own)))
    return float(entropy((weights * p).sum())) - unsaid


def posterior(outcomes: list[tuple[int, bool]], limits: Limits = LIMITS) -> Posterior:
    made = Posterior(limits)
    for n, fit in outcomes:
        made.add(n, fit)
    return made


def test_the_curve_is_one_half_at_its_centre_whatever_slope_and_lapse() -> None:
    centre = np.array(5.0)
    p = curves(centre.reshape(1, 1, 1), centre, SLOPES)
    assert p.shape == (len(SHAPES), len(SLOPES), 1)
    assert p == pytest.approx(np.full_like(p, 0.5), abs=1e-6)


def test_curves_of_many_sizes_are_those_of_their_definition() -> None:
    sizes = np.array([3, 100, 421, 4000])
    p = curves(np.log(sizes).reshape(-1, 1, 1, 1), CENTRES[::10], SLOPES)
    wanted = np.stack([fitted(n)[::10].T for n in sizes])
    assert p == pytest.approx(wanted, abs=5e-5)


def test_the_width_is_the_ratio_of_the_tenth_to_the_ninth_tenth() -> None:
    centre, slope = np.log(300.0), 0.1
    at = lambda log_n: 1 / (1 + np.exp((log_n - centre) / slope))  # noqa: E731
    half = np.log(transition_width(slope)) / 2
    assert at(centre + half) == pytest.approx(0.1)
    assert at(centre - half) == pytest.approx(0.9)


@pytest.mark.parametrize("repeats", [1, 2, 4, 20])
def test_quantiles_agree_with_brute_force(repeats: int) -> None:
    """In the logarithm, to 4 % of the interval: six trials leave a factor of 22."""
    outcomes = OUTCOMES * repeats
    found = posterior(outcomes).transition()
    wanted = np.log(dense(outcomes))
    error = np.log([found.low, found.median, found.high]) - wanted
    assert np.abs(error).max() < 0.04 * (wanted[2] - wanted[0])


@pytest.mark.parametrize("repeats", [1, 2, 4])
def test_information_of_a_size_agrees_with_its_definition(repeats: int) -> None:
    """To a fifth, as neighbouring centres are taken together."""
    outcomes, sizes = OUTCOMES * repeats, [120, 200, 230, 290, 350]
    told = posterior(outcomes).telling(np.log(sizes))
    wanted = [information(outcomes, n) for n in sizes]
    assert told == pytest.approx(wanted, rel=0.2, abs=1e-3)


def test_what_is_expected_weighs_as_a_log_normal_prior_with_wide_tails() -> None:
    limits = Limits(1, 4000, 0.05, 200, ExpectedCapacity(emc50=300, factor=2))
    low, high = np.log(1 / 4), np.log(4000 * 4)
    centres = np.linspace(low, high, 6001)
    deviation = np.log(2) / norm.ppf((1 + 0.95 / 0.97) / 2)
    prior = 0.97 * norm.pdf(centres, np.log(300), deviation) + 0.03 / (high - low)
    found = posterior(OUTCOMES[:2], limits).transition()
    wanted = dense(OUTCOMES[:2], prior)
    assert [found.low, found.median, found.high] == pytest.approx(list(wanted), rel=6e-3)


def test_a_family_that_may_be_true_widens_the_interval() -> None:
    """Steep below 100 and shallow beyond: a shallow end is likely, one symmetric slope is not."""
    steep = [(n, True) for n in (60, 80, 90, 95)] * 6
    shallow = [(n, turn % 2 == 0) for turn in range(10) for n in (105, 130, 170)]
    found = posterior(steep + shallow).transition()
    low, median, high = np.exp(posterior(steep + shallow).quantiles(np.array([0.025, 0.5, 0.975])))
    assert median == pytest.approx(found.median)
    assert found.low < 0.99 * low or found.high > 1.01 * high


@pytest.mark.parametrize("factor", [1.1, 2.0, 30.0])
def test_what_is_expected_holds_with_probability_095(factor: float) -> None:
    before = Posterior(Limits(1, 4000, 0.05, 200, ExpectedCapacity(emc50=300, factor=factor)))
    within = before.beyond(np.log(300 / factor)) - before.beyond(np.log(300 * factor))
    assert within == pytest.approx(0.95, abs=0.025)


def test_before_any_trial_the_whole_range_is_open() -> None:
    found = Posterior(Limits(10, 1000, 0.05, 200)).transition()
    assert found.low < 10
    assert found.high > 1000


outcomes = st.lists(st.tuples(st.integers(1, 4000), st.booleans()), max_size=25)


@given(st.integers(1, 4000))
def test_on_each_curve_a_fit_speaks_for_a_larger_emc50(n: int) -> None:
    """Over all curves it need not: a fit also speaks against runs that never fit.

    Then unfitted runs weigh more, and the median may fall.
    """
    p = curves(np.log(n).reshape(1, 1, 1), np.linspace(-1, 10, 400), SLOPES)
    assert (np.diff(p, axis=-1) >= -1e-6).all()


@given(outcomes)
def test_the_median_lies_in_the_interval(trials: list[tuple[int, bool]]) -> None:
    found = posterior(trials).transition()
    assert found.low <= found.median <= found.high


@given(outcomes, st.randoms())
def test_the_order_of_trials_does_not_matter(
    trials: list[tuple[int, bool]], chance: object
) -> None:
    mixed = list(trials)
    chance.shuffle(mixed)  # type: ignore[attr-defined]
    one, other = posterior(trials).transition(), posterior(mixed).transition()
    assert one.median == pytest.approx(other.median, rel=0.005)


def test_one_sample_is_a_range_too() -> None:
    made = posterior([(1, True)] * 8, Limits(1, 1, 0.05, 200))
    assert made.beyond(0.0) > 0.95
