"""A small quadratic program whose variables lie between bounds."""

from typing import Final

import numpy as np

_ROUNDS: Final = 30
"""Changes of the set of free variables, before the method that cannot cycle takes over."""
_RIDGE: Final = 1e-12
"""Added to the diagonal, relative to its mean: normals of kinks can depend on each other."""


def minimise_in_box(matrix: np.ndarray, linear: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """The x [k] of least x' A x / 2 + b' x with 0 <= x <= upper, for a positive semidefinite A.

    By the primal-dual active set method (Hintermueller, Ito and Kunisch 2003), and by bounded
    least squares where that cycles.
    """
    count = len(linear)
    a = matrix + np.eye(count) * (_RIDGE * np.trace(matrix) / max(count, 1) + 1e-300)
    free, high = np.ones(count, bool), np.zeros(count, bool)
    for _ in range(_ROUNDS):
        x = np.where(high, upper, 0.0)
        x[free] = np.linalg.solve(a[np.ix_(free, free)], -(linear + a @ (x * ~free))[free])
        slope = a @ x + linear
        above = free & (x > upper)
        leaves = above | (free & (x < 0))
        returns = ~free & np.where(high, slope > 0, slope < 0)
        if not (leaves.any() or returns.any()):
            return x
        high = (high & ~returns) | above
        free = (free & ~leaves) | returns
    # Loaded where a cycle asks for it: it takes a third of a second, of each job's start.
    from scipy.optimize import lsq_linear

    root = np.linalg.cholesky(a)
    bounds = (0, np.maximum(upper, np.finfo(float).tiny))
    found: np.ndarray = lsq_linear(root.T, -np.linalg.solve(root, linear), bounds=bounds).x
    return found
