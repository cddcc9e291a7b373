"""Inverse Hessians that turn gradients into steps: remembered ones, and exact ones."""

from typing import Final, Protocol

import numpy as np

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
        """Learn from a step [P], `length` times the model's, and the gradient's change along it."""

    def shorten(self) -> bool:
        """Make steps shorter where no length of the last direction led down; False: cannot."""


class QuasiNewtonHistory:
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
        along, squared = float(step @ change), float(change @ change)
        flat = along <= _CURVED * float(np.linalg.norm(step) * np.linalg.norm(change))
        if flat or not squared:  # squares of tiny changes underflow
            return
        self._make_room()
        at, count = self._first + self._count, self._count + 1
        self._rows[0, at], self._rows[1, at] = step, change
        steps, changes = self._rows[:, self._first : at + 1]
        self._sy[:count, count - 1] = steps @ change
        self._yy[:count, count - 1] = self._yy[count - 1, :count] = changes @ change
        self._count, self._scale = count, along / squared

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
    # Loaded where no compiled steps are: it takes a sixth of a second, of each job's start.
    from scipy.linalg import lapack

    solution: np.ndarray = lapack.dtrtrs(triangle, right, trans=transposed)[0]
    return solution


class Krylov:
    """Newton steps within a subspace: H's powers times the gradient, and all that is asked about.

    Products of the Hessian with the gradient span the space in which conjugate gradients would
    look; rows that are applied, as the normals of kinks, are taken in. There the inverse is that
    of |H| plus a multiple of the identity; |H| has the absolute values of H's eigenvalues, so that
    steps lead away from saddles (Dauphin et al. 2014, "Identifying and attacking the saddle point
    problem").
    """

    def __init__(self, size: int, damping: float) -> None:
        """Take `size` products at each point, besides one for each row that is applied.

        The multiple is never less than `damping`, relative to the largest eigenvalue: with much
        of it, steps lead down the steep directions and follow flat ones slowly.
        """
        self._size = size
        self._least = self._damping = damping
        self._operator: Operator | None = None

    def ready(self, operator: Operator, gradient: np.ndarray) -> None:
        """Span the space at a point that is new."""
        if self._operator is operator:
            return
        self._operator = operator
        if self._least >= _COARSE:
            self._products = (operator.single() or operator).products
        else:
            self._products = operator.products
        self._basis = np.zeros((0, len(gradient)))
        self._images = self._basis
        size, new = min(self._size, len(gradient)), gradient[None]
        basis, images = np.zeros((2, size, len(gradient)))
        for count in range(size):
            new = _beside(basis[:count], new)
            if not len(new):
                size = count
                break
            basis[count] = new[0]
            images[count : count + 1] = self._products(new)
            new = images[count : count + 1]
        self._basis, self._images = basis[:size], images[:size]
        self._decompose()

    def apply(self, rows: np.ndarray) -> np.ndarray:
        """Each row times the inverse Hessian: [m, P] to [m, P]."""
        self._extend(rows)
        if not len(self._basis):
            return np.zeros_like(rows)
        inverse = 1 / (abs(self._values) + self._damping * abs(self._values).max())
        within = (rows @ self._basis.T) @ self._vectors
        applied: np.ndarray = ((within * inverse) @ self._vectors.T) @ self._basis
        return applied

    def learn(self, step: np.ndarray, change: np.ndarray, length: float) -> None:  # noqa: ARG002
        """Damp less after a whole step, and more after a short one."""
        self._damping *= _EASED if length >= 1 else _HARDENED
        self._damping = max(self._damping, self._least)

    def shorten(self) -> bool:
        """Damp much more."""
        self._damping *= _HARDENED**2
        return self._damping < 1e6

    def _extend(self, rows: np.ndarray) -> None:
        new = _beside(self._basis, rows)
        if len(new):
            self._basis = np.concatenate([self._basis, new])
            self._images = np.concatenate([self._images, self._products(new)])
            self._decompose()

    def _decompose(self) -> None:
        reduced = self._basis @ self._images.T
        self._values, self._vectors = np.linalg.eigh((reduced + reduced.T) / 2)


def _beside(basis: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Orthonormal rows [k, P] that span what some rows have outside of a basis, to rounding."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    rest = rows / np.maximum(lengths, np.finfo(float).tiny)
    for _ in range(2):
        rest = rest - (rest @ basis.T) @ basis
    rest = rest[np.linalg.norm(rest, axis=1) > _OUTSIDE]
    if len(rest) < 2:
        units: np.ndarray = rest / np.linalg.norm(rest, axis=1, keepdims=True)
        return units
    _, sizes, found = np.linalg.svd(rest, full_matrices=False)
    spanning: np.ndarray = found[sizes > _OUTSIDE]
    return spanning


_OUTSIDE: Final = 1e-8
"""Relative to a row's length: less of it outside of a basis counts as rounding."""

_COARSE: Final = 1e-4
"""Damping from which on products in float32 are exact enough."""
_EASED: Final = 0.25
_HARDENED: Final = 4.0
