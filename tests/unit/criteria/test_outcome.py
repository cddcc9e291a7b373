import math

import pytest

from emc.criteria import is_stationary, outcome
from emc.records import Outcome


@pytest.mark.parametrize(
    ("finite", "accuracy", "criterion", "stationary", "expected"),
    [
        (True, 1.0, 1.0, False, Outcome.FIT),
        (True, 1.0, 1.0, True, Outcome.FIT),
        (True, 0.995, 0.995, False, Outcome.FIT),
        (True, 995 / 1000, 0.995, False, Outcome.FIT),
        (True, 999_999 / 1_000_000, 1.0, True, Outcome.STUCK),
        (True, 0.5, 1.0, False, Outcome.CENSORED),
        (False, 1.0, 1.0, True, Outcome.DIVERGED),
    ],
)
def test_outcome(
    finite: bool, accuracy: float, criterion: float, stationary: bool, expected: Outcome
) -> None:
    found = outcome(finite=finite, accuracy=accuracy, criterion=criterion, stationary=stationary)
    assert found is expected


@pytest.mark.parametrize(
    ("gradient_norm", "plateau", "expected"),
    [
        (1e-3, 1e-3, True),
        (0.0, 0.0, True),
        (1.1e-3, 0.0, False),
        (0.0, 1.1e-3, False),
        (0.0, math.inf, False),
        (math.nan, 0.0, False),
        (0.0, math.nan, False),
    ],
)
def test_both_tests_must_hold(gradient_norm: float, plateau: float, expected: bool) -> None:
    found = is_stationary(
        gradient_norm=gradient_norm,
        gradient_tolerance=1e-3,
        plateau=plateau,
        plateau_tolerance=1e-3,
    )
    assert found is expected
