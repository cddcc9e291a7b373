"""Answers of whole searches against known truths."""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom
from tests.unit.search.truth import cover, gompertz, logistic, probit, search, simulate

from emc.search import Answer, Trial
from emc.search.limits import Limits
from emc.search.posterior import Posterior

EMC50 = 420
FIRST, SECOND = logistic(200, 0.05), logistic(600, 0.05)
NEAR, FURTHER = logistic(260, 0.05), logistic(360, 0.05)
CURVES = {
    "logistic": logistic(EMC50, 0.1),
    "probit": probit(EMC50, 0.17),
    "gompertz with lapse": gompertz(EMC50, 0.15),
}
ODD = {
    "two transitions": (lambda n: 0.4 * FIRST(n) + 0.6 * SECOND(n), 553),
    "two transitions near": (lambda n: 0.4 * NEAR(n) + 0.6 * FURTHER(n), 333),
    "30 % never fit": (lambda n: 0.7 * CURVES["logistic"](n), 383),
    "two slopes": (lambda n: logistic(EMC50, 0.05 if n < EMC50 else 0.3)(n), EMC50),
    "Cover, d = 7": (cover(7), 14),
}
"""Curves that no smooth symmetric transition describes, and the n that is fitted half of the time.

Of two transitions: 0.6 at 600 with slope 0.05 is one half where it is 5/6 of the way, and 0.7 of a
logistic where it is 5/7 of it."""

CELLS = 320
SURE = 1e-4


def cell(name: str, tolerance: float, round_size: int, seed: int) -> Answer:
    """The answer of one simulated cell."""
    method = search(tolerance=tolerance, probes=3000, round_size=round_size)
    return simulate(method, CURVES[name], seed)[0]


def cells(name: str, tolerance: float, round_size: int, count: int) -> list[Answer]:
    """Answers of many cells, on all processors."""
    one = partial(cell, name, tolerance, round_size)
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as processes:
        return list(processes.map(one, range(count), chunksize=40))


def held(answers: list[Answer], truth: float = EMC50) -> int:
    """How many intervals hold the truth; each holds its own number."""
    assert all((one.low or 0) <= one.emc50 <= (one.high or np.inf) for one in answers)
    return sum((one.low or 0) <= truth <= (one.high or np.inf) for one in answers)


def fewest(count: int) -> int:
    """Fewer of `count` hold with probability 1e-4 at most where 93 % do."""
    return int(binom.ppf(SURE, count, 0.93))


def most(count: int) -> int:
    """More of `count` hold with probability 1e-4 at most where 97 % do."""
    return int(binom.ppf(1 - SURE, count, 0.97))


def bias(answers: list[Answer]) -> float:
    """Mean error of log emc50."""
    return float(np.mean([np.log(one.emc50 / EMC50) for one in answers]))


@pytest.mark.parametrize("name", CURVES)
def test_intervals_hold_the_truth(name: str) -> None:
    """The mean of 40 errors of 0.045 deviates by 0.03 with probability 3e-5."""
    answers = [cell(name, 0.1, 1, seed) for seed in range(40)]
    assert held(answers) >= fewest(40)
    assert abs(bias(answers)) < 0.03


@pytest.mark.slow
@pytest.mark.parametrize("name", CURVES)
def test_intervals_hold_the_truth_as_often_as_they_say(name: str) -> None:
    """The mean of 320 errors of 0.045 deviates by 0.01 with probability 1e-4; as much is bias."""
    answers = cells(name, 0.1, 1, CELLS)
    assert fewest(CELLS) <= held(answers) <= most(CELLS)
    assert abs(bias(answers)) < 0.02
    assert all(one.tolerance_reached for one in answers)


@pytest.mark.slow
@pytest.mark.parametrize("name", ODD)
def test_intervals_hold_the_truth_where_no_smooth_curve_does(name: str) -> None:
    curve, truth = ODD[name]
    method = partial(search, tolerance=0.05, probes=200)
    answers = [simulate(method(), curve, seed)[0] for seed in range(100)]
    assert held(answers, truth) >= fewest(100)


def test_a_search_ends_only_where_bets_too_leave_an_interval() -> None:
    """A curve that looks sharp in its first trials by chance: 13 of them seemed enough."""
    curve, _ = ODD["two transitions near"]
    answer, trials = simulate(search(probes=40), curve, 10_011)
    assert len(trials) == 40
    assert not answer.tolerance_reached
    sharp, trials = simulate(search(probes=100), logistic(EMC50, 0.02), 0)
    assert sharp.tolerance_reached
    assert sharp.high_any_curve is not None
    assert sharp.low_any_curve is not None
    assert sharp.high_any_curve - sharp.low_any_curve <= 8 * 2 * 0.1 * sharp.emc50


def test_a_search_ends_though_luck_refuted_all_sizes_at_a_weak_level() -> None:
    """In this cell the least refuted size has a stake of 2.6, more than 1 / 0.4."""
    answer, trials = simulate(search(probes=300), logistic(421, 0.1), 132)
    assert answer.tolerance_reached
    assert len(trials) < 150


@pytest.mark.slow
def test_large_rounds_are_as_honest() -> None:
    assert held(cells("gompertz with lapse", 0.1, 16, CELLS)) >= fewest(CELLS)


outcomes = st.lists(
    st.tuples(st.integers(1, 4000), st.booleans(), st.sampled_from([True, False, None])),
    min_size=1,
    max_size=20,
)


@settings(max_examples=30, deadline=None)
@given(outcomes, st.randoms())
def test_numbers_lie_in_their_intervals_and_readings_span_them(
    told: list[tuple[int, bool, bool | None]], chance: object
) -> None:
    trials = [Trial(n, 0.1, fit, True if fit else end) for n, fit, end in told]
    found = search().answer(trials)
    assert (found.low_budget or 0) <= found.emc50_budget <= (found.high_budget or np.inf)
    if found.emc50 is not None:
        assert (found.low or 0) <= found.emc50 <= (found.high or np.inf)
    closed = search().answer([replace(one, at_minimum=bool(one.at_minimum)) for one in trials])
    assert (found.low or 0) <= (closed.low or 0) * (1 + 1e-9)
    if found.high is not None and closed.one_curve and closed.high is not None:
        assert found.high >= closed.high * (1 - 1e-9)
    chance.shuffle(trials)  # type: ignore[attr-defined]
    mixed = search().answer(trials)
    assert mixed.emc50_budget == pytest.approx(found.emc50_budget, rel=0.03)


def test_covers_curve_gives_twice_the_dimension() -> None:
    answers = [simulate(search(tolerance=0.05), cover(20), seed)[0] for seed in range(20)]
    found = [one.emc50 for one in answers if one.emc50 is not None]
    assert len(found) == 20
    assert np.exp(np.mean(np.log(found))) == pytest.approx(40, rel=0.03)


def trial(n: int, fit: bool | None, *, in_budget: bool = False) -> Trial:
    return Trial(n, 0.1, within_budget=in_budget, at_minimum=fit)


FITS = [trial(n, True, in_budget=True) for n in (50, 80, 100, 120)]
FINISHED = [trial(n, True) for n in (150, 160)]
FAILED = [trial(n, False) for n in (390, 400, 420)]
OPEN = [trial(n, None) for n in (170, 180, 190)]


def quantiles(trials: list[Trial], fits: list[bool]) -> tuple[float, float, float]:
    """low, emc50 and high where each trial fitted or not."""
    outcomes = ((one.n, fit) for one, fit in zip(trials, fits, strict=True))
    found = Posterior(Limits(1, 4000, 0.1, 400), outcomes).transition()
    return found.low, found.median, found.high


def test_open_trials_are_failures_for_the_lower_end_and_left_out_for_the_upper() -> None:
    trials = [*FITS, *FINISHED, *OPEN, *FAILED]
    answer = search().answer(trials)
    low, under, _ = quantiles(trials, [bool(one.at_minimum) for one in trials])
    decided = [one for one in trials if one.at_minimum is not None]
    _, over, high = quantiles(decided, [bool(one.at_minimum) for one in decided])
    assert (answer.low, answer.high) == pytest.approx((low, high), rel=0.01)
    assert answer.emc50 == pytest.approx((under * over) ** 0.5, rel=0.01)
    assert answer.open_matters


def test_within_the_budget_what_was_finished_is_a_failure() -> None:
    trials = [*FITS, *FINISHED, *OPEN, *FAILED]
    answer = search().answer(trials)
    found = quantiles(trials, [one.within_budget for one in trials])
    numbers = (answer.low_budget, answer.emc50_budget, answer.high_budget)
    assert numbers == pytest.approx(found, rel=0.01)


def test_a_number_within_the_budget_far_below_all_sizes_tried_is_an_upper_bound() -> None:
    """How far below, no trial tells: no point stands for it."""
    finished = [trial(n, True) for n in (200, 220, 240, 260, 280) for _ in range(3)]
    failed = [trial(n, False) for n in (390, 400, 420) for _ in range(3)]
    answer = search().answer([*finished, *failed])
    assert (answer.emc50_budget, answer.low_budget) == (answer.high_budget, None)
    assert 100 < answer.emc50_budget < 210
    seen = search().answer([*finished, *failed, trial(90, True, in_budget=True)])
    assert seen.low_budget is not None
    assert seen.emc50_budget < seen.high_budget


def test_an_upper_bound_beyond_the_data_is_none() -> None:
    """One run of all 200 samples, fitted by its finish: of the budget nothing is known."""
    answer = search(largest=200).answer([trial(200, True)])
    assert answer.low_budget is None
    assert answer.emc50_budget < 200 < answer.high_budget


def test_a_number_within_the_budget_above_all_sizes_tried_is_a_lower_bound() -> None:
    trials = [trial(n, True, in_budget=True) for n in (17, 18, 20)]
    answer = search(largest=1438).answer(trials)
    assert (answer.emc50, answer.high_budget) == (None, None)
    assert answer.emc50_budget == answer.low_budget < 25


def test_a_search_that_aims_at_the_budget_answers_both() -> None:
    trials = [*FITS, *FINISHED, *FAILED]
    one, other = search(aim="budget").answer(trials), search().answer(trials)
    for name in ("emc50", "low", "high", "emc50_budget", "low_budget", "high_budget"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), rel=0.01)


@pytest.mark.parametrize("aim", ["minima", "budget"])
def test_bounds_are_those_of_the_number_at_minima(aim: str) -> None:
    """Whatever is aimed at: of 200 samples none fit within the budget, and all do at minima."""
    finished = [trial(n, True) for n in (1, 2, 10, 50, 100, 150, 200) for _ in range(4)]
    answer = search(aim=aim, largest=200).answer(finished)
    assert (answer.saturated, answer.below_smallest) == (True, False)
    assert answer.emc50_budget == answer.high_budget == 1


def test_where_no_failure_is_decided_there_is_a_lower_end_alone() -> None:
    answer = search().answer([*FITS, *OPEN])
    assert (answer.emc50, answer.high) == (None, None)
    assert answer.low is not None
    assert answer.low < 170
    assert answer.open_matters
    (rate,) = answer.rates
    assert (rate.emc50, rate.low, rate.high) == (answer.low, answer.low, None)


@pytest.mark.parametrize("aim", ["minima", "budget"])
def test_where_all_fit_short_of_the_data_there_is_a_lower_end_alone(aim: str) -> None:
    """How far beyond the sizes tried the number lies, the prior alone would say."""
    fitted = [trial(n, True, in_budget=n < 20) for n in range(3, 26)]
    answer = search(aim=aim, largest=1438).answer(fitted)
    assert (answer.emc50, answer.high, answer.saturated) == (None, None, False)
    assert answer.low is not None
    assert answer.low < 40
    assert not answer.open_matters
    (rate,) = answer.rates
    assert rate.high is None or aim == "budget"
    assert (rate.emc50 == rate.low) == (aim == "minima")


def test_one_fit_of_all_data_is_a_number_beyond_them() -> None:
    answer = search(largest=200).answer([trial(200, True)])
    assert answer.emc50 is not None
    assert answer.emc50 > 200


def test_open_trials_far_beyond_failures_widen_nothing() -> None:
    trials = [*FITS, *FINISHED, *FAILED] * 4
    far = [trial(n, None) for n in (1500, 2000, 3000)]
    one, other = search().answer(trials), search().answer([*trials, *far])
    assert (one.low, one.high) == pytest.approx((other.low, other.high), rel=0.01)
    assert not other.open_matters


def test_the_share_of_decided_failures_counts_those_in_the_transition() -> None:
    sizes = [(n, fit) for n, fit in ((330, True), (420, True), (420, False), (530, False))]
    clear = [trial(n, n < 420) for n in (50, 100, 200, 300, 600, 800, 1000, 2000) for _ in range(4)]
    trials = [*clear, *[trial(n, fit) for n, fit in sizes for _ in range(4)], trial(430, None)]
    assert search().answer(trials).unfitted_decided == pytest.approx(4 / 5)


def test_a_source_smaller_than_emc_is_saturated() -> None:
    answer, trials = simulate(search(largest=200), logistic(2000, 0.08), 0)
    assert answer.saturated
    assert not answer.tolerance_reached
    assert answer.emc50 == answer.low == 200
    assert len(trials) < 30


def test_a_net_that_fits_nothing_is_below_the_smallest_size() -> None:
    answer, trials = simulate(search(smallest=10), lambda _: 0.0, 0)
    assert answer.below_smallest
    assert not answer.tolerance_reached
    assert answer.emc50 == answer.high == 10
    assert len(trials) < 60


@pytest.mark.parametrize("last", [1, 2, 3, 5])
def test_a_net_that_fits_a_few_samples_is_measured_with_few_probes(last: int) -> None:
    """No whole n lies between the last that fits and the next: both have to be tried."""
    answer, trials = simulate(search(), lambda n: float(n <= last), 0)
    assert answer.tolerance_reached
    assert last < answer.low < answer.high < last + 1
    assert len(trials) < 40


@pytest.mark.parametrize("emc50", [1.5, 2.5, 3.5])
def test_small_emc50_are_measured_to_a_sample(emc50: float) -> None:
    answers = [simulate(search(), logistic(emc50, 0.2), seed)[0] for seed in range(8)]
    assert all(one.tolerance_reached for one in answers)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("half", [1, 2, 3, 5])
def test_a_search_ends_where_one_whole_n_is_fitted_half_of_the_time(half: int, seed: int) -> None:
    """No bet can be won at that n: the two samples beside it are as near as bets come."""

    def curve(n: int) -> float:
        return 0.5 if n == half else float(n < half)

    answer, trials = simulate(search(), curve, seed)
    assert (answer.low or 0) <= half + 0.5
    assert (answer.high or np.inf) >= half - 0.5
    assert answer.tolerance_reached or answer.below_smallest
    assert len(trials) < 150


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("smallest", "largest", "emc50"), [(1, 1000, 1000), (1, 1000, 1010), (50, 4000, 50)]
)
def test_a_search_ends_where_emc50_lies_at_the_end_of_the_sizes(
    smallest: int, largest: int, emc50: int, seed: int
) -> None:
    """Beyond it nothing can be tried: how far emc50 may lie there is not asked for ever."""
    method = search(smallest=smallest, largest=largest)
    answer, trials = simulate(method, logistic(emc50, 0.05), seed)
    assert (answer.low or 0) <= emc50 <= (answer.high or np.inf)
    assert len(trials) < 250


def test_a_search_goes_down_where_all_failures_stay_open() -> None:
    """Nothing is ever decided above 100: the search brackets 100 all the same, and says so."""
    method = search(aim="minima", probes=60)
    trials: list[Trial] = []
    while requests := method.requests(trials):
        trials += [Trial(one.n, one.lr, one.n <= 100, one.n <= 100 or None) for one in requests]
    found = method.answer(trials)
    sizes = [trial.n for trial in trials]
    assert max(sizes.count(n) for n in sizes if n > 200) <= 4
    assert found.low is not None
    assert 60 < found.low <= 100
    assert (found.emc50, found.high) == (None, None)
    assert not found.unfitted_decided
    assert not found.tolerance_reached
