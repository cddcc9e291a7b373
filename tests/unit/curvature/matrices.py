"""Symmetric matrices of known spectrum as operators, and processes run on them."""

import numpy as np

from emc.curvature.objective import Objective
from emc.curvature.operator import FirstOrder

PLAIN = Objective()


class Quadratic:
    """loss(w) = w' H w / 2 + g' w at w = 0, with an accuracy of one's choice."""

    def __init__(
        self,
        hessian: np.ndarray,
        gradient: np.ndarray | None = None,
        *,
        accuracy: float = 0.5,
        objective: Objective = PLAIN,
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


def hard_spectrum(steps: int, eps: float, dimension: int) -> np.ndarray:
    """One eigenvalue at 0, the rest in [eps, 1] where the bound is an equality after `steps`.

    These are the extrema of the proof's polynomial, as often as makes that polynomial the best.
    """
    s = np.cos(np.arange(steps) * np.pi / (2 * steps - 1))
    nodes = eps + (1 - eps) * s * s
    gaps = nodes[:, None] - nodes + np.eye(steps)
    lagrange_at_zero = np.prod(np.where(np.eye(steps, dtype=bool), 1, -nodes / gaps), axis=1)
    shares = abs(lagrange_at_zero) / s
    counts = np.maximum(1, np.round((dimension - 1) * shares / shares.sum())).astype(int)
    counts[np.argmax(counts)] += dimension - 1 - counts.sum()
    return np.concatenate([[0.0], np.repeat(nodes, counts)])
