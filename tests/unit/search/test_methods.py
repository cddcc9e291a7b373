"""Searches: rounds, budgets, learning rates, and the literature's own methods."""

from collections.abc import Callable
from math import inf
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.search.truth import Curve, logistic, search, simulate, simulate_rates

from emc.errors import EmcError
from emc.search import Method, Trial
from emc.search.limits import ExpectedCapacity
from emc.search.rates import FIRST

METHODS = ("bayes", "walk", "bisection", "ladder")


def replayed(method: Method, trials: list[Trial]) -> list[tuple[int, float]]:
    return [(one.n, one.lr) for one in method.requests(trials)]


@pytest.mark.parametrize("name", ["bayes", "bisection"])
def test_a_sharp_step_is_found(name: str) -> None:
    answer, trials = simulate(search(name, tolerance=0.05), lambda n: float(n <= 300), 0)
    assert answer.emc50 == pytest.approx(300, rel=0.08)
    assert max(trial.n for trial in trials if trial.within_budget) <= 300


@pytest.mark.parametrize(
    ("truth", "expected"),
    [
        (12.4, ExpectedCapacity(1000, 1.5)),
        (2000, ExpectedCapacity(3, 1.1)),
        (3, ExpectedCapacity(3900, 1.1)),
        (300, ExpectedCapacity(420, 3.0)),
    ],
)
def test_trials_overrule_a_mistaken_expectation(truth: float, expected: ExpectedCapacity) -> None:
    method = search(probes=100, expected=expected)
    answers = [simulate(method, logistic(truth, 0.15), seed)[0] for seed in range(10)]
    assert np.median([one.emc50 for one in answers]) == pytest.approx(truth, rel=0.1)
    assert sum((one.low or 0.0) <= truth <= one.high for one in answers) >= 8


def test_a_walk_stops_at_its_first_failure() -> None:
    answer, trials = simulate(search("walk"), lambda n: float(n <= 50), 0)
    assert [trial.within_budget for trial in trials] == [True] * (len(trials) - 1) + [False]
    assert answer.emc_walk == 50
    assert [trial.n for trial in trials[:41]] == list(range(1, 42))


def steps(largest: dict[float, int]) -> Callable[[float], Curve]:
    """Each learning rate fits up to a size of its own."""
    return lambda lr: lambda n: float(n <= largest[lr])


def test_a_walk_that_was_cut_off_does_not_win() -> None:
    """All it knows of that rate is that small sizes fit."""
    rates = {0.03: 400, 0.1: 100, 0.3: 50}
    answer, trials = simulate_rates(search("walk", rates=tuple(rates), probes=200), steps(rates), 0)
    assert len(trials) == 200
    assert answer.best_lr == 0.03


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("probes", [1, 2, 8])
def test_a_rate_that_was_not_tried_does_not_win(name: str, probes: int) -> None:
    rates = {0.1: 20, 0.3: 20, 1.0: 20}
    answer, trials = simulate_rates(
        search(name, rates=tuple(rates), probes=probes), steps(rates), 0
    )
    assert answer.best_lr in {trial.lr for trial in trials}


@pytest.mark.parametrize("seed", range(20))
def test_a_rate_that_fits_the_smallest_size_beats_one_that_never_does(seed: int) -> None:
    """Both may be bounded by that size in the answer, but not in the choice."""
    curves = {0.1: lambda n: 0.0, 0.3: logistic(9.7, 0.125)}
    method = search(smallest=10, rates=tuple(curves), tolerance=0.05, probes=40)
    answer, trials = simulate_rates(method, curves.__getitem__, seed)
    assert answer.best_lr in ({trial.lr for trial in trials if trial.within_budget} or curves)


@pytest.mark.parametrize("seed", range(60))
def test_a_budget_that_leaves_a_rate_open_does_not_reach_the_tolerance(seed: int) -> None:
    curves = {0.03: logistic(400, 0.06), 0.1: logistic(430, 0.06), 0.3: logistic(300, 0.06)}
    answer, trials = simulate_rates(
        search(rates=tuple(curves), probes=48), curves.__getitem__, seed
    )
    would_go_on = search(rates=tuple(curves), probes=49).requests(trials)
    assert not (answer.tolerance_reached and would_go_on)


def test_a_ladder_climbs_by_its_ratio() -> None:
    answer, trials = simulate(search("ladder", smallest=10), lambda n: float(n <= 100), 0)
    assert [trial.n for trial in trials] == [10, 16, 26, 43, 71, 116]
    assert answer.emc_walk == 71


def test_a_bisection_doubles_and_halves() -> None:
    _, trials = simulate(search("bisection", tolerance=0.02), lambda n: float(n <= 100), 0)
    assert [trial.n for trial in trials[:8]] == [1, 2, 4, 8, 16, 32, 64, 128]
    fitted = max(trial.n for trial in trials if trial.within_budget)
    failed = min(trial.n for trial in trials if not trial.within_budget)
    assert failed / fitted <= 1.02


@pytest.mark.parametrize("name", METHODS)
def test_nothing_fits_and_everything_fits(name: str) -> None:
    nothing, _ = simulate(search(name, smallest=2), lambda _: 0.0, 0)
    everything, _ = simulate(search(name, largest=50), lambda _: 1.0, 0)
    assert nothing.emc50 <= everything.emc50
    assert nothing.low <= nothing.emc50 <= nothing.high
    assert not nothing.saturated
    assert not everything.below_smallest


@pytest.mark.parametrize("name", METHODS)
def test_one_size_alone(name: str) -> None:
    answer, trials = simulate(search(name, smallest=1, largest=1), lambda _: 1.0, 0)
    assert {trial.n for trial in trials} == {1}
    assert answer.low <= answer.emc50 <= answer.high


@settings(max_examples=15, deadline=None)
@given(
    st.sampled_from(METHODS),
    st.integers(1, 40),
    st.integers(1, 24),
    st.integers(1, 3),
    st.integers(0, 2**32),
)
def test_budgets_and_bounds_hold(
    name: str, probes: int, round_size: int, rates: int, seed: int
) -> None:
    method = search(
        name,
        smallest=5,
        largest=700,
        probes=probes,
        round_size=round_size,
        rates=tuple(0.1 * (index + 1) for index in range(rates)),
    )
    answer, trials = simulate(method, logistic(120, 0.1), seed)
    assert len(trials) <= probes
    assert all(5 <= trial.n <= 700 for trial in trials)
    if answer.emc50 is None:
        assert all(trial.at_minimum for trial in trials)
        assert answer.high is None
    else:
        assert answer.low <= answer.emc50 <= (answer.high or inf)


def test_a_fresh_search_replays_a_journal() -> None:
    settings_: dict[str, Any] = {"rates": (0.1, 0.3), "round_size": 3}
    used = search(**settings_)
    _, trials = simulate(used, logistic(90, 0.1), 4)
    for end in range(0, len(trials), 3):
        assert replayed(search(**settings_), trials[:end]) == replayed(used, trials[:end])


def test_a_useless_rate_costs_little() -> None:
    draw = np.random.default_rng(0)
    method = search(rates=(0.1, 0.9))
    trials: list[Trial] = []
    curve = logistic(400, 0.08)
    while requests := method.requests(trials):
        for one in requests:
            fit = one.lr == 0.1 and bool(draw.random() < curve(one.n))
            trials.append(Trial(one.n, one.lr, fit, fit))
    answer = method.answer(trials)
    assert answer.best_lr == 0.1
    assert sum(trial.lr == 0.9 for trial in trials) <= FIRST + 4
    assert {rate.lr for rate in answer.rates} == {0.1, 0.9}
    assert answer.tolerance_reached


@pytest.mark.slow
@pytest.mark.parametrize("rates", [3, 6])
def test_equal_rates_do_not_inflate_the_answer(rates: int) -> None:
    """The mean of 80 errors of 0.045 deviates by 0.02 with probability 7e-5."""
    grid = tuple(0.1 * (place + 1) for place in range(rates))
    answers = [simulate(search(rates=grid), logistic(300, 0.08), seed)[0] for seed in range(80)]
    assert abs(np.mean([np.log(one.emc50 / 300) for one in answers])) < 0.02


def test_impossible_sizes_and_unknown_methods_are_refused() -> None:
    with pytest.raises(
        EmcError, match="smallest: expected at most the 5 samples there are, found 10"
    ):
        search(smallest=10, largest=5)
    with pytest.raises(EmcError, match="expected bayes, walk, bisection or ladder, found 'guess'"):
        search("guess")


def test_a_saturated_rate_wins_over_an_unsettled_one() -> None:
    method = search(largest=400, rates=(0.1, 0.2))
    trials = [Trial(400, 0.1, within_budget=True, at_minimum=True)] * 9
    trials += [Trial(n, 0.2, within_budget=True, at_minimum=True) for n in (100, 200, 300, 350)]
    answer = method.answer(trials)
    assert answer.saturated
    assert answer.best_lr == 0.1
