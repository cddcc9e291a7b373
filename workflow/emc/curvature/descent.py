"""L-BFGS on the whole objective in float64, from a point until it fits or hardly moves."""

from math import inf
from typing import Final

import numpy as np
from scipy.optimize import OptimizeResult, minimize

from emc.criteria import correct_needed
from emc.curvature.operator import FirstOrder, Operator
from emc.curvature.settings import Settings

_CLOSER: Final = 0.1
"""The gradient is brought this far below the norm that a certificate asks for."""
_MEMORY: Final = 20
_LINE_SEARCH: Final = 40


class Descent:
    """How far L-BFGS has come; its memory starts anew where a line search finds no way down.

    A kink of a ReLU net is such a place: the gradients that were remembered no longer hold.
    """

    def __init__(self, operator: Operator, criterion: float, settings: Settings) -> None:
        """Start at the operator's point; `criterion` is the training accuracy that fits."""
        self.operator, self.point = operator, operator.first_order()
        self.iterations = 0
        self._correct = correct_needed(criterion, operator.samples) / operator.samples
        self._gradient = _CLOSER * settings.gradient
        self._tried = (self.operator, self.point)

    @property
    def gradient_norm(self) -> float:
        """Norm of the gradient at the point."""
        return float(np.linalg.norm(self.point.gradient))

    @property
    def fits(self) -> bool:
        """Whether the point is a fit."""
        return self.point.accuracy >= self._correct

    @property
    def over(self) -> bool:
        """Whether there is nothing to go on for."""
        return self.fits or self.gradient_norm <= self._gradient

    def go_on(self, iterations: int) -> None:
        """Take so many iterations, or fewer where it fits, converges or finds no way down."""
        stop = self.iterations + iterations
        before = None
        while not self.over and self.iterations < stop and self.iterations != before:
            before = self.iterations
            options = {
                "maxiter": stop - before,
                "maxfun": (stop - before) * _LINE_SEARCH,
                "maxcor": _MEMORY,
                "maxls": _LINE_SEARCH,
                "ftol": 0.0,
                "gtol": 0.0,
            }
            minimize(
                self._try,
                self.operator.parameters,
                jac=True,
                method="L-BFGS-B",
                callback=self._accept,
                options=options,
            )

    def move(self, operator: Operator, point: FirstOrder) -> None:
        """Go on from another point."""
        self.operator, self.point = operator, point

    def _try(self, parameters: np.ndarray) -> tuple[float, np.ndarray]:
        operator = self.operator.at(parameters.copy())
        with np.errstate(over="ignore", invalid="ignore"):
            point = operator.first_order()
        self._tried = (operator, point)
        finite = np.isfinite(point.loss) and np.isfinite(point.gradient).all()
        return (point.loss, point.gradient) if finite else (inf, np.zeros_like(parameters))

    def _accept(self, intermediate_result: OptimizeResult) -> None:
        if not np.array_equal(intermediate_result.x, self._tried[0].parameters):
            self._try(intermediate_result.x)
        self.move(*self._tried)
        self.iterations += 1
        if self.over:
            raise StopIteration
