"""Answers of whole searches against known truths."""

from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import numpy as np
import pytest
from tests.unit.search.truth import cover, gompertz, logistic, probit, search, simulate

from emc.search import Answer, Trial
from emc.search.estimate import emc50
from emc.search.limits import Limits

EMC50 = 420
CURVES = {
    "logistic": logistic(EMC50, 0.1),
    "probit": probit(EMC50, 0.17),
    "gompertz with lapse": gompertz(EMC50, 0.15),
}


CELLS = 1000


def cell(name: str, tolerance: float, round_size: int, seed: int) -> Answer:
    """The answer of one simulated cell."""
    method = search(tolerance=tolerance, probes=3000, round_size=round_size)
    return simulate(method, CURVES[name], seed)[0]


def cells(name: str, tolerance: float, round_size: int, count: int) -> list[Answer]:
    """Answers of many cells, on all processors."""
    one = partial(cell, name, tolerance, round_size)
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as processes:
        return list(processes.map(one, range(count), chunksize=25))


def held(answers: list[Answer]) -> float:
    """Share of intervals that hold the truth."""
    assert all(one.low <= one.emc50 <= one.high for one in answers)
    return float(np.mean([one.low <= EMC50 <= one.high for one in answers]))


def bias(answers: list[Answer]) -> float:
    """Mean error of log emc50."""
    return float(np.mean([np.log(one.emc50 / EMC50) for one in answers]))


@pytest.mark.parametrize("name", CURVES)
def test_intervals_hold_the_truth(name: str) -> None:
    answers = [cell(name, 0.1, 1, seed) for seed in range(60)]
    assert held(answers) >= 0.87
    assert abs(bias(answers)) < 0.03


@pytest.mark.slow
@pytest.mark.parametrize("tolerance", [0.1, 0.05])
@pytest.mark.parametrize("name", CURVES)
def test_intervals_hold_the_truth_as_often_as_they_say(name: str, tolerance: float) -> None:
    answers = cells(name, tolerance, 1, CELLS)
    assert 0.93 <= held(answers) <= 0.97
    assert abs(bias(answers)) < tolerance / 5
    assert all(one.tolerance_reached for one in answers)


@pytest.mark.slow
@pytest.mark.parametrize("round_size", [4, 16, 64])
def test_large_rounds_are_as_honest(round_size: int) -> None:
    assert 0.92 <= held(cells("gompertz with lapse", 0.05, round_size, 400)) <= 0.985


def test_covers_curve_gives_twice_the_dimension() -> None:
    answers = [simulate(search(tolerance=0.05), cover(20), seed)[0] for seed in range(20)]
    assert np.exp(np.mean([np.log(one.emc50) for one in answers])) == pytest.approx(40, rel=0.03)


def test_censored_trials_count_as_failures_and_are_left_out_beside() -> None:
    fits = [Trial(n, 0.1, fit=True, censored=False) for n in (50, 80, 100, 120)]
    stuck = [Trial(n, 0.1, fit=False, censored=False) for n in (390, 400, 420)]
    censored = [Trial(n, 0.1, fit=False, censored=True) for n in (150, 160, 170)]
    method = search()
    answer = method.answer([*fits, *stuck, *censored])
    without = emc50([*fits, *stuck], Limits(1, 4000, 0.1, 400)).interval()
    assert answer.emc50 < answer.emc50_without_censored
    assert answer.emc50_without_censored == pytest.approx(without.median)


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
