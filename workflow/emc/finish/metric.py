"""Inverse Hessians that turn gradients into steps: remembered ones, and exact ones."""

from typing import Final, Protocol

import numpy as np
from scipy.linalg import cho_factor, cho_solve, lapack

from emc.curvature.operator import Operator

_CURVED: Final = 1e-10
"""A step is remembered where the gradient's change along it exceeds this, relative to both."""
_FIRST: Final = 0.01
"""Length of the first step, relative to the norm of the parameters."""


class Metric(Protocol):
    """An approximate inverse Hessian, positive definite."""

    def ready(self, operator: Operator, gradient: np.ndarray) -> None:
        """Get ready to be applied at the operator's point."""

    def apply(self, rows: np.ndarray) -> np.ndarray:
        """Each row times the inverse Hessian: [m, P] to [m, P]."""

    def learn(self, step: np.ndarray, change: np.ndarray, length: float) -> None:
        """Learn from a step [P] of so many step lengths, and the gradient's change along it."""

    def shorten(self) -> bool:
        """Make steps shorter where no length of the last direction led down; False: cannot."""


class Memory:
    """Limited-memory BFGS in compact form.

    With the last m steps S and changes Y as rows, R the upper triangle of S Y', D its diagonal
    and c = s'y / y'y of the last,

        H = c I + [S' c Y'] [[R^-T (D + c Y Y') R^-1, -R^-T], [-R^-1, 0]] [S; c Y]

    (Byrd, Nocedal and Schnabel 1994, "Representations of quasi-Newton matrices and their use in
    limited memory methods", theorem 2.2), which takes four products of a matrix and a vector.
    """

    def __init__(self, dimension: int, size: int) -> None:
        """Remember nothing yet, of `size` steps at most."""
        self._size = size
        self._rows: np.ndarray = np.zeros((2, 2 * size, dimension))
        self._first = self._count = 0
        self._scale = 1.0
        self._sy: np.ndarray = np.zeros((size, size))
        self._yy: np.ndarray = np.zeros((size, size))

    def ready(self, operator: Operator, gradient: np.ndarray) -> None:
        """See that there is a scale."""
        if self._count == 0:
            length = _FIRST * max(float(np.linalg.norm(operator.parameters)), 1.0)
            self._scale = length / max(float(np.linalg.norm(gradient)), length)

    def apply(self, rows: np.ndarray) -> np.ndarray:
        """Each row times the inverse Hessian: [m, P] to [m, P]."""
        if self._count == 0:
            return self._scale * rows
        steps, changes = self._rows[:, self._first : self._first + self._count]
        triangle = self._sy[: self._count, : self._count]
        u = _solved(triangle, steps @ rows.T)
        w = np.diag(triangle)[:, None] * u
        w += self._scale * (self._yy[: self._count, : self._count] @ u - changes @ rows.T)
        w = _solved(triangle, w, transposed=1)
        applied: np.ndarray = self._scale * (rows - u.T @ changes)
        applied += w.T @ steps
        return applied

    def learn(self, step: np.ndarray, change: np.ndarray, length: float) -> None:  # noqa: ARG002
        """Remember a step and the gradient's change along it, unless that bends down."""
        along = float(step @ change)
        if along <= _CURVED * float(np.linalg.norm(step) * np.linalg.norm(change)):
            return
        self._make_room()
        at, count = self._first + self._count, self._count + 1
        self._rows[0, at], self._rows[1, at] = step, change
        steps, changes = self._rows[:, self._first : at + 1]
        self._sy[:count, count - 1] = steps @ change
        self._yy[:count, count - 1] = self._yy[count - 1, :count] = changes @ change
        self._count, self._scale = count, along / float(change @ change)

    def shorten(self) -> bool:
        """Forget everything."""
        remembered = self._count > 0
        self._first = self._count = 0
        return remembered

    def _make_room(self) -> None:
        if self._count == self._size:
            self._first, self._count = self._first + 1, self._count - 1
            for gram in (self._sy, self._yy):
                gram[:-1, :-1] = gram[1:, 1:].copy()
        if self._first + self._count == 2 * self._size:
            kept = self._rows[:, self._first :].copy()
            self._rows[:, : self._count] = kept
            self._first = 0


def _solved(triangle: np.ndarray, right: np.ndarray, transposed: int = 0) -> np.ndarray:
    solution: np.ndarray = lapack.dtrtrs(triangle, right, trans=transposed)[0]
    return solution


class Newton:
    """The inverse of the Hessian plus a multiple of the identity that makes it positive definite.

    The multiple falls while whole steps succeed and grows where they do not
    (Levenberg-Marquardt); it is relative to the Hessian's largest diagonal element.
    """

    def __init__(self) -> None:
        """Start with much damping."""
        self._damping = 1e-4
        self._hessian: np.ndarray | None = None

    def ready(self, operator: Operator, gradient: np.ndarray) -> None:  # noqa: ARG002
        """Compute the Hessian where a step has led to another point, and its factors."""
        if self._hessian is None:
            self._hessian = operator.dense()
            self._factors = None
        if self._factors is None:
            self._factors = self._factored(self._hessian)

    def apply(self, rows: np.ndarray) -> np.ndarray:
        """Each row times the inverse Hessian: [m, P] to [m, P]."""
        assert self._factors is not None
        solution: np.ndarray = cho_solve(self._factors, rows.T).T
        return solution

    def learn(self, step: np.ndarray, change: np.ndarray, length: float) -> None:  # noqa: ARG002
        """Damp less after a whole step, and more after a short one."""
        self._damping *= _EASED if length >= 1 else _HARDENED
        self._damping = max(self._damping, _LEAST)
        self._hessian = None

    def shorten(self) -> bool:
        """Damp much more."""
        self._damping *= _HARDENED**2
        self._factors = None
        return self._damping < 1e6

    def _factored(self, hessian: np.ndarray) -> tuple[np.ndarray, bool]:
        scale = float(abs(np.diag(hessian)).max()) or 1.0
        while True:
            damped = hessian + np.eye(len(hessian)) * (self._damping * scale)
            try:
                factors: tuple[np.ndarray, bool] = cho_factor(damped, lower=True, overwrite_a=True)
            except np.linalg.LinAlgError:
                self._damping *= _HARDENED
            else:
                return factors


_EASED: Final = 0.25
_HARDENED: Final = 4.0
_LEAST: Final = 1e-14
