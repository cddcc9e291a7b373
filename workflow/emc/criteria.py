"""When a run has fitted, and when it has converged: the first-order tests on plain numbers.

Knows the accuracy thresholds, the plateau of the epoch losses, the gradient tolerance and how they
end a run. Must not know nets, optimizers or torch: back ends and certificate bring numbers.
"""

from math import ceil, inf, nan
from typing import Final

import numpy as np

from emc.records import Ended

SLACK: Final = 1e-9
"""Accuracies are compared this loosely, so that 0.995 of 1,000 samples is 995 and not 996."""

WINDOW: Final = 10
"""Epochs whose mean losses are compared."""


def correct_needed(threshold: float, n: int) -> int:
    """The smallest number of correct samples, of n, whose accuracy reaches `threshold`."""
    return ceil((threshold - SLACK) * n)


def plateau(losses: np.ndarray) -> float:
    """Relative variation of the last `WINDOW` epoch losses: (max - min) / |mean|.

    `losses` is [epochs], the oldest first; infinite where fewer than `WINDOW` were trained, zero
    where they are all equal, nan where one of them is not finite.
    """
    if len(losses) < WINDOW:
        return inf
    last = np.asarray(losses[-WINDOW:], dtype=np.float64)
    if not np.isfinite(last).all():
        return nan
    scale = max(abs(float(last.mean())), float(np.finfo(np.float64).tiny))
    return float(last.max() - last.min()) / scale


def is_plateau(losses: np.ndarray, tolerance: float) -> bool:
    """Whether the losses of the last `WINDOW` epochs varied by no more than `tolerance`."""
    return plateau(losses) <= tolerance


def is_stationary(
    *, gradient_norm: float, gradient_tolerance: float, plateau: float, plateau_tolerance: float
) -> bool:
    """Whether the full-batch gradient is small and the training loss has stopped moving.

    `gradient_norm` is the Euclidean norm of the gradient of the mean training loss; not-a-number
    passes neither test.
    """
    return gradient_norm <= gradient_tolerance and plateau <= plateau_tolerance


def ended(*, finite: bool, accuracy: float, criterion: float, stationary: bool) -> Ended:
    """Why training was over, from its end point.

    `finite` says whether every epoch loss and weight was; `accuracy` is over all n samples, and
    reaching `criterion` counts even where the run is also `stationary` (the first-order tests).
    """
    if not finite:
        return Ended.DIVERGED
    if accuracy >= criterion - SLACK:
        return Ended.FIT
    return Ended.STATIONARY if stationary else Ended.BUDGET
