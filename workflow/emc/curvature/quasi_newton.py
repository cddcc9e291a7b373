"""Quasi-Newton steps that an operator takes by itself, in compiled code."""

from typing import Protocol

import numpy as np

from emc.native.descent import Descended, DescentLimits


class QuasiNewton(Protocol):
    """Steps down an operator's objective that remember the last ones, and see no kinks."""

    def go_on(self, parameters: np.ndarray, limits: DescentLimits) -> Descended:
        """Take steps from a point, float64 [P], to the limits or where none leads down."""
