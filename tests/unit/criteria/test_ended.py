import math

import pytest

from emc.criteria import ended, is_stationary
from emc.records import Ended


@pytest.mark.parametrize(
    ("finite", "accuracy", "criterion", "stationary", "expected"),
    [
        (True, 1.0, 1.0, False, Ended.FIT),
        (True, 1.0, 1.0, True, Ended.FIT),
        (True, 0.995, 0.995, False, Ended.FIT),
        (True, 995 / 1000, 0.995, False, Ended.FIT),
        (True, 999_999 / 1_000_000, 1.0, True, Ended.STATIONARY),
        (True, 0.5, 1.0, False, Ended.BUDGET),
        (False, 1.0, 1.0, True, Ended.DIVERGED),
    ],
)
def test_why_training_was_over(
    finite: bool, accuracy: float, criterion: float, stationary: bool, expected: Ended
) -> None:
    found = ended(finite=finite, accuracy=accuracy, criterion=criterion, stationary=stationary)
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
