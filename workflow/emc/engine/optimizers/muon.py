"""Muon (Jordan et al. 2024): momentum whose singular values are all made about one."""

from collections.abc import Collection
from dataclasses import dataclass
from math import prod, sqrt
from typing import ClassVar

import torch
from torch import Tensor

from emc.engine.optimizer import Shapes
from emc.engine.optimizers.adam import Moments
from emc.engine.rows import rows, tensors
from emc.errors import EmcError

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5
_SMALLEST_NORM = 1e-7


@dataclass(frozen=True, slots=True, kw_only=True)
class Muon(Moments):
    """Orthogonal momentum for hidden matrices, AdamW for all others."""

    decoupled: ClassVar[bool] = True
    knows_head: ClassVar[bool] = True

    momentum: float

    def rule(self, shapes: Shapes, head: Collection[int]) -> "MuonRule":
        """As `Optimizer` says."""
        return MuonRule(self, shapes, head)


class MuonRule:
    """torch.optim.Muon at `match_rms_adamw` for hidden matrices, AdamW for the rest.

    Hidden are all that do not make the logits (`emc.nets.head`). In float32 throughout, where torch
    has bfloat16. Convolutions count as matrices with a row for each output channel; a single row or
    column counts as a vector.
    """

    def __init__(self, constants: Muon, shapes: Shapes, head: Collection[int]) -> None:
        """Take the constants.

        Raises:
            EmcError: no matrix is left for it.
        """
        self._constants, self._shapes = constants, shapes
        matrices = [place for place, shape in enumerate(shapes) if is_matrix(shape)]
        self._hidden = [place for place in matrices if place not in head]
        if not self._hidden:
            raise EmcError(
                "optimizer 'muon': expected a weight matrix besides those that make the logits,"
                " found none"
            )
        self.lengths: tuple[int, ...] = (sum(map(prod, shapes)),) * 2

    def __call__(
        self, weights: Tensor, state: list[Tensor], gradient: Tensor, scalars: Tensor
    ) -> tuple[Tensor, list[Tensor]]:
        """As `Rule` says; the first row of the state is the momentum of either kind."""
        constants, shapes = self._constants, self._shapes
        lr, size = scalars[:, 0, None], scalars[:, 1, None]
        direction, (first, second) = constants.direction(state, gradient, scalars)
        momentum = torch.lerp(state[0], gradient, 1 - constants.momentum)
        ahead = torch.lerp(gradient, momentum, constants.momentum)
        steps, averages = tensors(size * direction, shapes), tensors(first, shapes)
        velocities, leads = tensors(momentum, shapes), tensors(ahead, shapes)
        for place in self._hidden:
            averages[place], matrix = velocities[place], leads[place].flatten(2)
            reach = 0.2 * sqrt(max(matrix.shape[1:]))
            steps[place] = reach * lr[:, :, None] * orthogonalised(matrix)
        weights = weights * (1 - lr * constants.weight_decay)
        return weights - rows(steps), [rows(averages), second]


def is_matrix(shape: tuple[int, ...]) -> bool:
    """Whether a tensor of that shape has two rows and two columns or more."""
    return len(shape) > 1 and shape[0] > 1 and prod(shape[1:]) > 1


def orthogonalised(matrices: Tensor) -> Tensor:
    """About U V^T of each U S V^T [replicas, rows, columns], by Newton-Schulz iterations."""
    a, b, c = _COEFFICIENTS
    tall = matrices.shape[1] > matrices.shape[2]
    x: Tensor = matrices.mT if tall else matrices
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=_SMALLEST_NORM)
    for _ in range(_ITERATIONS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if tall else x


OPTIMIZER = Muon
