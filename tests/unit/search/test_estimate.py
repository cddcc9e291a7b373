"""Answers of whole searches against known truths."""

import numpy as np
import pytest
from tests.unit.search.truth import Curve, cover, gompertz, logistic, probit, search, simulate

from emc.search import Trial
from emc.search.estimate import Limits, emc50

CURVES = {
    "logistic": logistic(420, 0.08),
    "probit": probit(420, 0.15),
    "gompertz with lapse": gompertz(420, 0.1),
}


def coverage(curve: Curve, truth: float, tolerance: float, cells: int) -> tuple[float, float]:
    """Share of cells whose interval holds the truth, and the mean error of log emc50."""
    answers = [
        simulate(search(tolerance=tolerance, probes=3000), curve, seed)[0] for seed in range(cells)
    ]
    assert all(one.low <= one.emc50 <= one.high for one in answers)
    held = np.mean([one.low <= truth <= one.high for one in answers])
    return float(held), float(np.mean([np.log(one.emc50 / truth) for one in answers]))


@pytest.mark.parametrize("name", CURVES)
def test_intervals_hold_the_truth(name: str) -> None:
    held, bias = coverage(CURVES[name], 420, 0.1, 60)
    assert held >= 0.87
    assert abs(bias) < 0.03


def test_covers_curve_gives_twice_the_dimension() -> None:
    answers = [simulate(search(tolerance=0.05), cover(20), seed)[0] for seed in range(20)]
    assert np.exp(np.mean([np.log(one.emc50) for one in answers])) == pytest.approx(40, rel=0.03)


def test_censored_trials_count_as_failures_and_are_left_out_beside() -> None:
    fits = [Trial(n, 0.1, fit=True, censored=False) for n in (50, 80, 100, 120)]
    stuck = [Trial(n, 0.1, fit=False, censored=False) for n in (390, 400, 420)]
    censored = [Trial(n, 0.1, fit=False, censored=True) for n in (150, 160, 170)]
    method = search()
    answer = method.answer([*fits, *stuck, *censored])
    without = emc50([*fits, *stuck], Limits(1, 4000, 0.1)).interval()
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
