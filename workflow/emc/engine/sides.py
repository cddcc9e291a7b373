"""One square matrix for each dimension of each tensor: what Shampoo and SOAP precondition with."""

from collections.abc import Callable
from math import prod

import torch
from torch import Tensor

from emc.engine.optimizer import Shapes
from emc.engine.rows import tensors

Matrices = list[dict[int, Tensor]]
"""Of each tensor, by dimension: [replicas, d, d]."""


class Sides:
    """Where in a row [replicas, length] the matrices lie.

    Tensors of fewer than `fewest` dimensions have none, and dimensions above `largest` neither.
    """

    def __init__(self, shapes: Shapes, largest: int, fewest: int) -> None:
        """Take the tensors' shapes."""
        self._dimensions = [
            [d for d, size in enumerate(shape) if size <= largest and len(shape) >= fewest]
            for shape in shapes
        ]
        self._shapes = shapes
        self._squares = [
            (shape[d], shape[d])
            for shape, dimensions in zip(shapes, self._dimensions, strict=True)
            for d in dimensions
        ]
        self.length = sum(map(prod, self._squares))

    def matrices(self, row: Tensor) -> Matrices:
        """Views into a row."""
        views = iter(tensors(row, self._squares))
        return [{d: next(views) for d in dimensions} for dimensions in self._dimensions]

    def row(self, matrices: Matrices, like: Tensor) -> Tensor:
        """The inverse of `matrices`; `like` is any row of as many replicas."""
        flat = [each.flatten(1) for held in matrices for each in held.values()]
        return torch.cat([like[:, :0], *flat], dim=1)

    def second_moments(self, gradient: Tensor) -> Tensor:
        """Sums of outer products over all other dimensions, of gradients [replicas, parameters]."""
        parts = zip(tensors(gradient, self._shapes), self._dimensions, strict=True)
        return self.row([{d: _second_moment(part, d) for d in of} for part, of in parts], gradient)


def _second_moment(tensor: Tensor, dimension: int) -> Tensor:
    unfolded = _unfolded(tensor, dimension)
    return unfolded @ unfolded.mT


def _unfolded(tensor: Tensor, dimension: int) -> Tensor:
    """[replicas, *shape] as [replicas, d, all others]."""
    return tensor.movedim(dimension + 1, 1).unsqueeze(-1).flatten(2)


def multiplied(tensor: Tensor, matrices: dict[int, Tensor], *, transposed: bool = False) -> Tensor:
    """A tensor [replicas, *shape] with each dimension that has a matrix multiplied by it."""
    for dimension, matrix in matrices.items():
        product = (matrix.mT if transposed else matrix) @ _unfolded(tensor, dimension)
        moved = tensor.movedim(dimension + 1, 1).shape
        tensor = product.view(moved).movedim(1, dimension + 1)
    return tensor


def renewed(old: Tensor, chosen: Tensor, new: Callable[[Tensor], Tensor]) -> Tensor:
    """`old` [replicas, length] with new rows for the chosen replicas, bool [replicas].

    Where `chosen` lies on the host, nobody waits for the device.
    """
    if not chosen.any():
        return old
    places = chosen.nonzero().squeeze(1).to(old.device)
    return old.index_copy(0, places, new(places))


def eigen(matrices: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues, ascending, and eigenvectors of symmetric matrices [replicas, d, d].

    A matrix that is not finite has eigenvectors that are not: its replica diverges alone.
    """
    finite = matrices.isfinite().flatten(1).all(1)[:, None, None]
    values, vectors = torch.linalg.eigh(torch.where(finite, matrices, 0.0))
    return values, torch.where(finite, vectors, torch.nan)
