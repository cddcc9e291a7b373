"""Lanczos with full reorthogonalisation; the caller computes the products it asks for."""

from typing import Final, NamedTuple

import numpy as np

from emc.curvature.operator import NOT_SYMMETRIC, SYMMETRIC, check_finite
from emc.curvature.process import Process
from emc.errors import EmcError

_CLOSED: Final = 1e-14
"""A new direction this short, relative to the matrix, is rounding: the Krylov space is closed."""


class Ritz(NamedTuple):
    """Ritz values [m], ascending; their residuals |H v - value v|; and the eigenvectors [m, m] of
    the tridiagonal matrix as columns, which are the Ritz vectors in terms of the Krylov basis."""

    values: np.ndarray
    residuals: np.ndarray
    columns: np.ndarray


class Lanczos:
    """The Krylov space of a symmetric matrix and a random start, as far as it was extended.

    Each new direction is orthogonalised twice against all before it, which keeps them orthogonal
    to working precision (Parlett 1998, "The Symmetric Eigenvalue Problem", section 6.9). Where
    the space closes, a fresh random direction goes on: the tridiagonal matrix falls into blocks,
    and its eigenvalues stay Ritz values.
    """

    def __init__(self, dimension: int, draw: np.random.Generator, scale: float = 0.0) -> None:
        """Start from a random unit vector.

        `scale` is the size of the matrix that this one was made from by differences: what is
        tiny beside it is rounding.
        """
        self.dimension = dimension
        self._draw = draw
        self._blocks: list[np.ndarray] = []
        self._diagonal: list[float] = []
        self._below: list[float] = []
        self.scale = scale
        self._next = self.fresh()

    @property
    def steps(self) -> int:
        """Dimension of the Krylov space: one product each."""
        return len(self._diagonal)

    @property
    def trace(self) -> float:
        """The trace of the matrix on the space."""
        return sum(self._diagonal)

    def extend(self, steps: int) -> Process[None]:
        """Add `steps` dimensions, or all that are left.

        Raises:
            EmcError: the matrix is not symmetric or finite, or not the same at every product.
        """
        room = np.empty((min(steps, self.dimension - self.steps), self.dimension))
        self._blocks.append(room[:0])
        for row in range(len(room)):
            room[row] = self._next
            self._blocks[-1] = room[: row + 1]
            product = yield room[row]
            check_finite(product)
            self._advance(*self._split(product))

    def ritz(self) -> Ritz:
        """The Ritz pairs of the space as it is."""
        below = np.diag(self._below[:-1], -1)
        values, columns = np.linalg.eigh(np.diag(self._diagonal) + below + below.T)
        return Ritz(values, abs(self._below[-1] * columns[-1]), columns)

    def vectors(self, columns: np.ndarray) -> np.ndarray:
        """Vectors [k, P] of the space from their coefficients [m, k] in its basis."""
        parts = np.split(columns, np.cumsum([len(block) for block in self._blocks])[:-1])
        vectors = np.zeros((columns.shape[1], self.dimension))
        for part, block in zip(parts, self._blocks, strict=True):
            vectors += part.T @ block
        return vectors

    def fresh(self) -> np.ndarray:
        """A random unit vector orthogonal to the space."""
        direction, _ = self._split(self._draw.standard_normal(self.dimension))
        return direction / float(np.linalg.norm(direction))

    def _advance(self, direction: np.ndarray, along: np.ndarray) -> None:
        """Take the next direction from a product, given as `_split` gives it."""
        self._diagonal.append(float(along[-1]))
        length = float(np.linalg.norm(direction))
        self.scale = max(self.scale, abs(self._diagonal[-1]), length)
        if abs(along[:-2]).max(initial=0) > SYMMETRIC * self.scale:
            raise EmcError(NOT_SYMMETRIC)
        if self.steps < self.dimension and length <= _CLOSED * self.scale:
            length, direction = 0.0, self.fresh()
        self._below.append(length)
        self._next = direction / (length or 1.0)

    def _split(self, vector: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The part of a vector that is orthogonal to the basis, and its components along that."""
        along = [block @ vector for block in self._blocks]
        for components, block in zip(along, self._blocks, strict=True):
            vector = vector - components @ block
        for block in self._blocks:
            vector = vector - (block @ vector) @ block
        return vector, np.concatenate([*along, np.empty(0)])
