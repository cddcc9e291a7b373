"""Muon (Jordan et al. 2024): momentum whose singular values are all made about one."""

from math import prod, sqrt

import torch
from torch import Tensor

from emc.engine.procedure import Update
from emc.engine.update import Shapes, adam, rows, tensors
from emc.errors import EmcError

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5
_SMALLEST_NORM = 1e-7


class Muon:
    """torch.optim.Muon at `match_rms_adamw` for every matrix but the last, AdamW for the rest.

    In float32 throughout, where torch has bfloat16. Convolutions count as matrices with a row for
    each output channel; a single row or column counts as a vector.
    """

    def __init__(self, update: Update, shapes: Shapes) -> None:
        """Take the constants.

        Raises:
            EmcError: no matrix is left for it.
        """
        self._update, self._shapes = update, shapes
        self._hidden = [place for place, shape in enumerate(shapes) if is_matrix(shape)][:-1]
        if not self._hidden:
            raise EmcError("optimizer 'muon' wants a weight matrix besides that of the last layer")
        self.lengths: tuple[int, ...] = (sum(map(prod, shapes)),) * 2

    def __call__(
        self, weights: Tensor, state: list[Tensor], gradient: Tensor, rates: Tensor
    ) -> tuple[Tensor, list[Tensor]]:
        """As `Rule` says; the first row of the state is the momentum of either kind."""
        update, shapes = self._update, self._shapes
        lr, size = rates[:, 0, None], rates[:, 1, None]
        direction, (first, second) = adam(update, state, gradient, rates)
        momentum = torch.lerp(state[0], gradient, 1 - update.momentum)
        ahead = torch.lerp(gradient, momentum, update.momentum)
        steps, averages = tensors(size * direction, shapes), tensors(first, shapes)
        velocities, leads = tensors(momentum, shapes), tensors(ahead, shapes)
        for place in self._hidden:
            averages[place], matrix = velocities[place], leads[place].flatten(2)
            reach = 0.2 * sqrt(max(matrix.shape[1:]))
            steps[place] = reach * lr[:, :, None] * orthogonalised(matrix)
        weights = weights * (1 - lr * update.weight_decay)
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
