"""An operator that counts the passes over the samples that it is asked for."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from emc.curvature.operator import FirstOrder, Operator
from emc.curvature.quasi_newton import QuasiNewton
from emc.native.descent import Descended, DescentLimits

_OF_A_PRODUCT: Final = 2.0
"""A Hessian product goes forward and back twice over, a gradient once."""


_MANY: Final = 1 << 40
"""Passes that no descent makes."""


@dataclass(slots=True)
class Meter:
    """Passes over all samples: how many may be made, and how many were."""

    limit: float
    made: float = 0.0

    @property
    def left(self) -> int:
        """How many may still be made."""
        return int(min(max(self.limit - self.made, 0), _MANY))

    @property
    def spent(self) -> bool:
        """Whether no pass is left."""
        return self.made >= self.limit


class Metered:
    """The same operator, at this point and all others; each call adds to the meter."""

    def __init__(self, operator: Operator, meter: Meter) -> None:
        """Count what `operator` does from now on."""
        self._operator, self._meter = operator, meter
        self.objective, self.samples = operator.objective, operator.samples
        self.parameters, self.kinks = operator.parameters, operator.kinks

    def at(self, parameters: np.ndarray) -> Self:
        """The same objective at another point, float64 [P]."""
        return type(self)(self._operator.at(parameters), self._meter)

    def scales(self) -> np.ndarray | None:
        """See `Operator.scales`; not counted."""
        return self._operator.scales()

    def rounded(self, widths: np.ndarray) -> Self | None:
        """The same objective with its kinks rounded off over `widths` [layers]; None: it cannot."""
        rounded = self._operator.rounded(widths)
        return None if rounded is None else type(self)(rounded, self._meter)

    def single(self) -> Self | None:
        """The same at the point in float32; None where there is none."""
        single = self._operator.single()
        return None if single is None else type(self)(single, self._meter)

    def quasi_newton(self, history: int) -> QuasiNewton | None:
        """The operator's compiled steps, whose evaluations are passes; None where it has none."""
        steps = self._operator.quasi_newton(history)
        return steps and _MeteredSteps(steps, self._meter)

    def first_order(self) -> FirstOrder:
        """Loss, gradient and accuracy at the point: one pass."""
        self._meter.made += 1.0
        return self._operator.first_order()

    def products(self, vectors: np.ndarray) -> np.ndarray:
        """Hessian times each row, float64 [m, P]: two passes each."""
        self._meter.made += _OF_A_PRODUCT * len(vectors)
        return self._operator.products(vectors)

    def growing(self) -> str | None:
        """See `Operator.growing`."""
        return self._operator.growing()

    def dense_within(self, products: int) -> bool:
        """See `Operator.dense_within`."""
        return self._operator.dense_within(products)

    def dense(self) -> np.ndarray:
        """The whole Hessian, float64 [P, P]; not counted, since it is asked for at an end only."""
        return self._operator.dense()


class _MeteredSteps:
    """Compiled steps whose evaluations add to the meter."""

    def __init__(self, steps: QuasiNewton, meter: Meter) -> None:
        self._steps, self._meter = steps, meter

    def go_on(self, parameters: np.ndarray, limits: DescentLimits) -> Descended:
        came = self._steps.go_on(parameters, limits)
        self._meter.made += came.evaluations
        return came
