"""What a cell says where one smooth curve does not describe its probes."""

import numpy as np
import pytest
from tests.unit.search.truth import logistic, search, simulate

from emc.search import Trial
from emc.search.checks import check_sizes
from emc.search.estimate import reported, settled
from emc.search.limits import Limits
from emc.search.readings import Reading, Readings

LIMITS = Limits(1, 4000, 0.1, 400)


def reading(trials: list[tuple[int, bool]]) -> Reading:
    made = Reading(LIMITS)
    for n, fit in trials:
        made.add(n, fit)
    return made


def test_one_transition_is_described_by_one_curve() -> None:
    sizes = [(n, n < 200 or (n == 200 and turn % 2 == 0)) for turn in range(8) for n in SIZES]
    assert reading(sizes).misfit is None


SIZES = (50, 100, 150, 200, 250, 400, 800)


def test_a_dip_is_not_described_by_one_curve() -> None:
    dip = [(n, not 33 <= n <= 36 and n < 80) for n in (20, 30, 33, 34, 36, 40, 50, 70, 90, 200)]
    assert reading(dip * 8).misfit is not None


def test_runs_that_never_fit_are_told() -> None:
    sizes = (20, 50, 100, 200, 300, 500, 800)
    trials = [(n, n < 400 and (turn + n) % 3 != 0) for turn in range(24) for n in sizes]
    assert reading(trials).misfit == "some runs fit far beyond emc50, or fail far below it"


def test_crossings_near_each_other_are_told_and_need_no_more_probes() -> None:
    """No candidate is left at any level, yet both ends of the crossings are known."""
    found = reading([(95, True), (105, False)] * 20)
    for _ in range(8):
        found.bets.add(95, False, 0.03)
        found.bets.add(105, True, 0.97)
    assert found.misfit == "the probability of a fit crosses one half more than once"
    bounds = reported(found, LIMITS)
    assert (bounds.low, bounds.high) == pytest.approx((95, 105), abs=2)
    assert settled(found, LIMITS)


def test_an_end_that_a_misfit_leaves_open_is_looked_for() -> None:
    """Nothing fits where the last batch of 32 is ragged, which opens the interval's lower end."""

    def dips(n: int) -> float:
        return 0.0 if n > 32 and 1 <= n % 32 <= 4 else logistic(85, 0.12)(n)

    answer, trials = simulate(search(probes=1000), dips, 7)
    assert answer.low is not None
    assert answer.tolerance_reached
    assert len(trials) < 600


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("last", [400, 1000])
def test_what_fits_between_sizes_that_do_not_is_told(last: int, seed: int) -> None:
    """Small n fail too, as where a budget in epochs leaves them hardly any steps."""
    answer, trials = simulate(search(), lambda n: 0.95 if 60 <= n <= last else 0.02, seed)
    assert not answer.one_curve
    assert not answer.below_smallest
    assert len(trials) < 400


def test_a_net_that_fits_large_n_only_has_no_number() -> None:
    answer, trials = simulate(search(), lambda n: float(n >= 200), 0)
    assert answer.misfit == "some runs fit far beyond emc50, or fail far below it"
    assert not answer.below_smallest
    assert (answer.emc50, answer.low, answer.high) == (None, None, None)
    assert len(trials) < 60


def test_sizes_far_below_emc50_are_looked_at_once_and_again_where_they_fail() -> None:
    trials = [(n, n <= 420) for n in (420, 425, 168, 281, 483, 525, 630, 1050) for _ in range(3)]
    seen = [Trial(n, 0.1, fit, fit) for n, fit in trials]
    wanted = check_sizes(Readings(LIMITS, "minima", seen), LIMITS)
    assert wanted[0] == 1
    assert max(np.diff(np.log([*wanted, 168]))) < np.log(4.2)
    assert len(set(wanted)) == len(wanted)
    failed = [Trial(n, 0.1, within_budget=False, at_minimum=False) for n in wanted[1:2]]
    again = check_sizes(Readings(LIMITS, "minima", seen + failed), LIMITS)
    assert again.count(wanted[1]) == 2
