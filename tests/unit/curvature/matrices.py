"""Symmetric matrices of known spectrum as operators, and processes run on them."""

import numpy as np

from emc.curvature.objective import Objective
from emc.curvature.operator import FirstOrder


class Quadratic:
    """loss(w) = w' H w / 2 + g' w at w = 0, with an accuracy of one's choice."""

    def __init__(
        self,
        hessian: np.ndarray,
        gradient: np.ndarray | None = None,
        *,
        accuracy: float = 0.5,
        objective: Objective = Objective(),
    ) -> None:
        self.hessian = hessian
        self.objective = objective
        self.samples = 10
        self.parameters = np.ones(len(hessian))
        self.asked = 0
        self._point = FirstOrder(
            1.0, np.zeros(len(hessian)) if gradient is None else gradient, accuracy
        )

    def first_order(self) -> FirstOrder:
        return self._point

    def products(self, vectors: np.ndarray) -> np.ndarray:
        self.asked += len(vectors)
        return vectors @ self.hessian

    def dense(self) -> np.ndarray:
        return self.hessian.copy()


def rotated(values: np.ndarray, seed: int = 0) -> np.ndarray:
    """A symmetric matrix with these eigenvalues and random eigenvectors."""
    draw = np.random.default_rng(seed)
    basis, _ = np.linalg.qr(draw.standard_normal((len(values), len(values))))
    return (basis * values) @ basis.T
