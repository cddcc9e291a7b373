"""The Hessian of a training loss at one point, known by what it does to vectors."""

from typing import Final, NamedTuple, Protocol, Self

import numpy as np

from emc.curvature.kinks import KnownKinks
from emc.curvature.objective import Objective
from emc.curvature.quasi_newton import QuasiNewton
from emc.errors import EmcError

SYMMETRIC: Final = 1e-3
"""How far products may be from those of a symmetric matrix, relative to its scale."""
NOT_SYMMETRIC: Final = (
    "the Hessian of the net is not symmetric: an operation of the net has no second derivative, or "
    "a wrong one, or the net draws random numbers"
)


def check_finite(products: np.ndarray) -> None:
    """See that the products are numbers: NaN would pass every test that a comparison makes.

    Raises:
        EmcError: one is not.
    """
    if not np.isfinite(products).all():
        raise EmcError(
            "the Hessian of the net is not finite (NaN or infinite): the net has an operation "
            "whose second derivative is undefined or overflows at this point"
        )


class FirstOrder(NamedTuple):
    """The objective over all samples: its value, its gradient (float64 [P]) and the accuracy."""

    loss: float
    gradient: np.ndarray
    accuracy: float


class Operator(Protocol):
    """The objective of one net at one point, over all its samples.

    `parameters` is the point, float64 [P], flattened in the order of the net's parameters.
    """

    objective: Objective
    samples: int
    parameters: np.ndarray

    @property
    def kinks(self) -> KnownKinks | None:
        """What is known of the objective's kinks; None: nothing, and it is treated as smooth."""

    def at(self, parameters: np.ndarray) -> Self:
        """The same objective at another point, float64 [P]."""

    def scales(self) -> np.ndarray | None:
        """What kinks lie apart at the point, about: the mean |z| of each layer or step, float64.

        None where there are none, or they cannot be rounded off.
        """

    def rounded(self, widths: np.ndarray) -> Self | None:
        """The objective at the point with kinks rounded off over `widths`, as many as `scales`.

        None where it cannot be done.
        """

    def single(self) -> Self | None:
        """The same at the point in float32 arithmetic, which is faster; None where it is not."""

    def quasi_newton(self, history: int) -> QuasiNewton | None:
        """Compiled steps that remember the last `history` ones; None where there are none."""

    def first_order(self) -> FirstOrder:
        """Loss, gradient and accuracy at the point."""

    def products(self, vectors: np.ndarray) -> np.ndarray:
        """Hessian times each row: float64 [m, P] to float64 [m, P]."""

    def growing(self) -> str | None:
        """Weights in proportion to which the logits of all samples grow, in words, if any are seen.

        Differences between logits count: what is added to all of a sample changes no loss.
        """

    def dense_within(self, products: int) -> bool:
        """Whether the whole Hessian costs no more than `products` products, or very little."""

    def dense(self) -> np.ndarray:
        """The whole Hessian, float64 [P, P]."""
