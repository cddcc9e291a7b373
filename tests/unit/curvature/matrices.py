"""Symmetric matrices of known spectrum as operators, and processes run on them."""

from copy import copy

import numpy as np

from emc.curvature.objective import Objective
from emc.curvature.operator import FirstOrder

PLAIN = Objective()


class Quadratic:
    """loss(1 + x) = 1 + x' H x / 2 + g' x at x = 0, with an accuracy of one's choice."""

    def __init__(
        self,
        hessian: np.ndarray,
        gradient: np.ndarray | None = None,
        *,
        accuracy: float = 0.5,
        objective: Objective = PLAIN,
        grows: str | None = None,
    ) -> None:
        self.hessian = hessian
        self.objective = objective
        self.samples = 10
        self.parameters = np.ones(len(hessian))
        self.asked = 0
        self.dense_products = 0
        self._gradient = np.zeros(len(hessian)) if gradient is None else gradient
        self._accuracy = accuracy
        self._grows = grows

    def at(self, parameters: np.ndarray) -> "Quadratic":
        other = copy(self)
        other.parameters = parameters
        return other

    @property
    def kinks(self) -> None:
        return None

    def scales(self) -> None:
        return None

    def rounded(self, widths: np.ndarray) -> None:
        return None

    def single(self) -> None:
        return None

    def quasi_newton(self, history: int) -> None:
        return None

    def first_order(self) -> FirstOrder:
        x = self.parameters - 1
        rise = self.hessian @ x
        moved = x != 0
        loss = float(1 + x @ rise / 2 + self._gradient[moved] @ x[moved])
        return FirstOrder(loss, rise + self._gradient, self._accuracy)

    def products(self, vectors: np.ndarray) -> np.ndarray:
        self.asked += len(vectors)
        return vectors @ self.hessian

    def growing(self) -> str | None:
        return self._grows

    def dense_within(self, products: int) -> bool:
        return products >= self.dense_products

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
