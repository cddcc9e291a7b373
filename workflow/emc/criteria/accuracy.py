"""When a training accuracy counts as reached."""

from math import ceil
from typing import Final

SLACK: Final = 1e-9
"""Accuracies are compared this loosely, so that 0.995 of 1,000 samples is 995 and not 996."""


def correct_needed(threshold: float, n: int) -> int:
    """The smallest number of correct samples, of n, whose accuracy reaches `threshold`."""
    return ceil((threshold - SLACK) * n)
