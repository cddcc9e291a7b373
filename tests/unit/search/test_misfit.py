"""What a cell says where one smooth curve does not describe its probes."""

from emc.search.limits import Limits
from emc.search.readings import Reading

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
