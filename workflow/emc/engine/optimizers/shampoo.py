"""Shampoo (Gupta, Koren and Singer 2018)."""

from collections.abc import Collection
from dataclasses import dataclass
from math import prod
from typing import ClassVar

import numpy as np
from torch import Tensor

from emc.engine.optimizer import REFRESHED, Decaying, Shapes
from emc.engine.rows import rows, tensors
from emc.engine.sides import Sides, eigen, multiplied, renewed


@dataclass(frozen=True, slots=True, kw_only=True)
class Shampoo(Decaying):
    """Gradients between inverse roots of their own second moments; decay is part of them."""

    decomposes: ClassVar[bool] = True

    momentum: float
    epsilon: float
    interval: int
    largest: int

    def step_numbers(
        self, rates: np.ndarray, t: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """As `Optimizer` says; each of the first `interval` steps takes roots anew."""
        due = np.where((t <= self.interval) | (t % self.interval == 0), REFRESHED, 0)
        return rates, np.ones_like(rates), due

    def rule(self, shapes: Shapes, head: Collection[int]) -> "ShampooRule":  # noqa: ARG002
        """As `Optimizer` says."""
        return ShampooRule(self, shapes)


class ShampooRule:
    """Algorithm 2: each dimension by the root -1/2k of its second moments' sum, k dimensions.

    Roots are taken anew after the steps that `step_numbers` marks. Momentum is heavy-ball on the
    preconditioned gradient.
    """

    def __init__(self, constants: Shampoo, shapes: Shapes) -> None:
        """Take the constants."""
        self._constants, self._shapes = constants, shapes
        self._sides = Sides(shapes, constants.largest, fewest=1)
        self.lengths: tuple[int, ...] = (
            sum(map(prod, shapes)),
            self._sides.length,
            self._sides.length,
        )

    def __call__(
        self, weights: Tensor, state: list[Tensor], gradient: Tensor, scalars: Tensor
    ) -> tuple[Tensor, list[Tensor]]:
        """As `Rule` says; the state: velocity, sums of second moments, their roots.

        Scalars on the host tell there which roots are due.
        """
        velocity, sums, roots = state
        sums = sums + self._sides.second_moments(gradient)
        roots = renewed(roots, scalars[:, 3] > 0, lambda places: self._roots(sums[places]))
        parts = zip(tensors(gradient, self._shapes), self._sides.matrices(roots), strict=True)
        velocity = self._constants.momentum * velocity + rows(
            [multiplied(part, own) for part, own in parts]
        )
        rates = scalars[:, 0, None].to(weights.device)
        return weights - rates * velocity, [velocity, sums, roots]

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
        powers = (values.clamp(min=0) + self._constants.epsilon) ** (-1 / order)
        return (vectors * powers[:, None]) @ vectors.mT


OPTIMIZER = Shampoo
