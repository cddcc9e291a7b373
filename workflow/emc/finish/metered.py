"""An operator that counts the passes over the samples that it is asked for."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from emc.curvature.operator import FirstOrder, Operator

_OF_A_PRODUCT: Final = 2.0
"""A Hessian product goes forward and back twice over, a gradient once."""


@dataclass(slots=True)
class Meter:
    """Passes over all samples: how many may be made, and how many were."""

    limit: float
    made: float = 0.0

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

    def rounded(self, widths: np.ndarray) -> Self | None:
        """The same objective with its kinks rounded off over `widths` [layers]; None: it cannot."""
        rounded = self._operator.rounded(widths)
        return None if rounded is None else type(self)(rounded, self._meter)

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
