"""Shampoo (Gupta, Koren and Singer 2018)."""

from math import prod

from torch import Tensor

from emc.engine.procedure import Update
from emc.engine.sides import Sides, eigen, multiplied, renewed
from emc.engine.update import Shapes, coupled_decay, rows, tensors


class Shampoo:
    """Algorithm 2: each dimension by the root -1/2k of its second moments' sum, k dimensions.

    Roots are taken anew after the steps that `step_rates` marks. Momentum is heavy-ball on the
    preconditioned gradient, weight decay part of the gradient.
    """

    def __init__(self, update: Update, shapes: Shapes) -> None:
        """Take the constants."""
        self._update, self._shapes = update, shapes
        self._sides = Sides(shapes, update.largest, fewest=1)
        self.lengths: tuple[int, ...] = (
            sum(map(prod, shapes)),
            self._sides.length,
            self._sides.length,
        )

    def __call__(
        self, weights: Tensor, state: list[Tensor], gradient: Tensor, rates: Tensor
    ) -> tuple[Tensor, list[Tensor]]:
        """As `Rule` says; the state: velocity, sums of second moments, their roots."""
        velocity, sums, roots = state
        gradient = gradient + coupled_decay(self._update) * weights
        sums = sums + self._sides.second_moments(gradient)
        roots = renewed(roots, rates[:, 3] > 0, lambda places: self._roots(sums[places]))
        parts = zip(tensors(gradient, self._shapes), self._sides.matrices(roots), strict=True)
        velocity = self._update.momentum * velocity + rows(
            [multiplied(part, own) for part, own in parts]
        )
        return weights - rates[:, 0, None] * velocity, [velocity, sums, roots]

    def _roots(self, sums: Tensor) -> Tensor:
        return self._sides.row(
            [
                {d: self._root(matrix, 2 * len(shape)) for d, matrix in own.items()}
                for shape, own in zip(self._shapes, self._sides.matrices(sums), strict=True)
            ],
            sums,
        )

    def _root(self, matrix: Tensor, order: int) -> Tensor:
        """(matrix + epsilon)^(-1/order)."""
        values, vectors = eigen(matrix)
        powers = (values.clamp(min=0) + self._update.epsilon) ** (-1 / order)
        return (vectors * powers[:, None]) @ vectors.mT
