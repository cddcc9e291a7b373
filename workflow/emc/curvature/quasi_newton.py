"""Quasi-Newton steps that an operator takes by itself, in compiled code."""

from enum import Enum
from typing import NamedTuple, Protocol

import numpy as np


class DescentEnd(Enum):
    """Why a descent stops; in the order of `native/kernel/descent.hpp`."""

    FITS = "fits"
    STATIONARY = "stationary"
    LIMIT = "limit"
    JAM = "jam"


class Descended(NamedTuple):
    """Where a descent came: `parameters` float64 [P]; steps taken and evaluations made."""

    parameters: np.ndarray
    stop: DescentEnd
    steps: int
    evaluations: int


class QuasiNewton(Protocol):
    """Steps down an operator's objective that remember the last ones, and see no kinks."""

    def go_on(
        self,
        parameters: np.ndarray,
        *,
        steps: int,
        evaluations: int,
        gradient: float,
        accuracy: float,
    ) -> Descended:
        """Take at most `steps` steps from a point, float64 [P].

        No step is begun where the accuracy is at least `accuracy`, the gradient at most `gradient`
        long, or `evaluations` evaluations were made.
        """
