"""SOAP (Vyas et al. 2024): Adam in the eigenbases of Shampoo's second moments."""

from collections.abc import Collection
from dataclasses import dataclass
from math import prod
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from emc.engine.optimizer import BEGUN, REFRESHED, Decaying, Shapes
from emc.engine.rows import rows, tensors
from emc.engine.sides import Sides, eigen, multiplied, renewed


@dataclass(frozen=True, slots=True, kw_only=True)
class Soap(Decaying):
    """Adam in the eigenbases of Shampoo's second moments."""

    decoupled: ClassVar[bool] = True
    decomposes: ClassVar[bool] = True

    beta1: float
    beta2: float
    epsilon: float
    interval: int
    largest: int

    def step_numbers(
        self, rates: np.ndarray, t: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """As `Optimizer` says; the first step only begins the preconditioners."""
        before = np.maximum(t - 1, 1)
        size = rates * np.sqrt(1 - self.beta2**before) / (1 - self.beta1**before)
        due = np.where((t - 1) % self.interval == 0, REFRESHED, 0)
        due[t == 1] = BEGUN
        return size, np.ones_like(rates), due

    def rule(self, shapes: Shapes, head: Collection[int]) -> "SoapRule":  # noqa: ARG002
        """As `Optimizer` says."""
        return SoapRule(self, shapes)


class SoapRule:
    """Algorithm 3, as its authors' code has it; vectors keep their own basis.

    The first step only begins second moments and bases. Where its gradient leaves eigenvectors
    free, rounding decides them, and with them the run.
    """

    def __init__(self, constants: Soap, shapes: Shapes) -> None:
        """Take the constants."""
        self._constants, self._shapes = constants, shapes
        self._sides = Sides(shapes, constants.largest, fewest=2)
        parameters = sum(map(prod, shapes))
        self.lengths: tuple[int, ...] = (
            parameters,
            parameters,
            self._sides.length,
            self._sides.length,
        )

    def __call__(
        self, weights: Tensor, state: list[Tensor], gradient: Tensor, scalars: Tensor
    ) -> tuple[Tensor, list[Tensor]]:
        """As `Rule` says; the state: both moments of Adam, second moments of sides, bases.

        Scalars on the host tell there which bases are due.
        """
        constants = self._constants
        first, second, sides, bases = state
        lr, size, _, due = scalars.to(weights.device)[:, :, None].unbind(1)
        new_first = torch.lerp(first, gradient, 1 - constants.beta1)
        turned = self._turned(gradient, bases, transposed=True)
        new_second = torch.lerp(second, turned.square(), 1 - constants.beta2)
        scaled = self._turned(new_first, bases, transposed=True)
        scaled = scaled / (new_second.sqrt() + constants.epsilon)
        step = size * self._turned(scaled, bases, transposed=False)
        moved = (weights - step) * (1 - lr * constants.weight_decay)
        begun = due == BEGUN
        weights = torch.where(begun, weights, moved)
        first = torch.where(begun, first, new_first)
        second = torch.where(begun, second, new_second)
        sides = torch.lerp(sides, self._sides.second_moments(gradient), 1 - constants.beta2)
        second, bases = self._bases(second, sides, bases, scalars[:, 3])
        return weights, [first, second, sides, bases]

    def _turned(self, vectors: Tensor, bases: Tensor, *, transposed: bool) -> Tensor:
        parts = zip(tensors(vectors, self._shapes), self._sides.matrices(bases), strict=True)
        return rows([multiplied(part, own, transposed=transposed) for part, own in parts])

    def _bases(
        self, second: Tensor, sides: Tensor, bases: Tensor, due: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Second moments in the order of the new bases, and these."""
        begun = renewed(bases, due == BEGUN, lambda places: self._eigenbases(sides[places]))
        if not (due == REFRESHED).any():
            return second, begun
        places = (due == REFRESHED).nonzero().squeeze(1).to(second.device)
        ordered, turned = self._refreshed(second[places], sides[places], begun[places])
        return second.index_copy(0, places, ordered), begun.index_copy(0, places, turned)

    def _eigenbases(self, sides: Tensor) -> Tensor:
        matrices = self._sides.matrices(sides)
        return self._sides.row(
            [{d: eigen(matrix)[1].flip(2) for d, matrix in own.items()} for own in matrices], sides
        )

    def _refreshed(self, second: Tensor, sides: Tensor, bases: Tensor) -> tuple[Tensor, Tensor]:
        """One power iteration and an orthonormalisation, largest eigenvalue first."""
        parts, turned = tensors(second, self._shapes), self._sides.matrices(bases)
        for place, own in enumerate(self._sides.matrices(sides)):
            for d, matrix in own.items():
                product = matrix @ turned[place][d]
                order = (turned[place][d] * product).sum(1).argsort(1, descending=True)
                parts[place] = _sorted(parts[place], order, d + 1)
                turned[place][d] = torch.linalg.qr(_sorted(product, order, 2))[0]
        return rows(parts), self._sides.row(turned, second)


def _sorted(tensor: Tensor, order: Tensor, dimension: int) -> Tensor:
    """The tensor [replicas, ...] with one dimension in each replica's order [replicas, d]."""
    shape = [1] * tensor.dim()
    shape[0], shape[dimension] = order.shape
    return tensor.gather(dimension, order.view(shape).expand_as(tensor))


OPTIMIZER = Soap
