"""The training step of `emc.engine.optimizer`, evaluation and gradient of many replicas at once.

`vmap` runs it as it stands, `compiled` traces and compiles it. Every tensor's first dimension is
the replica; rows beyond a replica's own count weigh nothing, and a replica without rows is idle:
its weights and moments stay as they are.
"""

from collections.abc import Callable, Collection
from typing import NamedTuple

import torch
from torch import Tensor, vmap

from emc.engine.objective import hits, row_losses
from emc.engine.procedure import Procedure
from emc.engine.stacked.flat import FlatNet
from emc.engine.stacked.stack import Stack

CHUNK_ROWS = 256
"""Samples of each replica that an evaluation looks at in one go."""


class Evaluation(NamedTuple):
    """Of each replica over all its samples in evaluation mode [K]: how many are classified
    rightly, int64, and float64 the mean loss without smoothing and the norm of the gradient of the
    optimised loss."""

    correct: Tensor
    losses: Tensor
    gradient_norms: Tensor


class Step:
    """Training steps and evaluations of replicas of one procedure."""

    def __init__(self, procedure: Procedure, net: FlatNet, head: Collection[int]) -> None:
        """Take what is trained and how; `head` has the places of the weights that make logits.

        Raises:
            EmcError: the optimizer does not suit the net.
        """
        self.net = net
        self.decomposes = procedure.optimizer.decomposes
        self._procedure = procedure
        self.rule = procedure.optimizer.rule(list(net.shapes.values()), head)

    def train(
        self,
        weights: Tensor,
        x: Tensor,
        labels: Tensor,
        sizes: Tensor,
        scalars: Tensor,
        *rest: Tensor,
    ) -> Tensor:
        """Take a step in place; returns the batch losses before it [K].

        x [K, batch, *shape] and labels [K, batch], of which the first `sizes` [K] are the batch;
        scalars [K, SCALARS]; rest: moments and constants.
        """
        held = len(self.rule.lengths)
        moments, constants = list(rest[:held]), list(rest[held:])
        share = _mask(sizes, x) / sizes.clamp(min=1)[:, None]
        losses, gradient = self._gradient(weights, x, labels, share, constants)
        optimizer = self._procedure.optimizer
        if (there := optimizer.second_point(weights, gradient)) is not None:
            gradient = self._gradient(there, x, labels, share, constants)[1]
        gradient = optimizer.with_decay(gradient, weights)
        new, new_moments = self.rule(weights, moments, gradient, scalars)
        active = (sizes > 0)[:, None]
        for old, fresh in zip((weights, *moments), (new, *new_moments), strict=True):
            old.copy_(torch.where(active, fresh, old))
        return losses

    def correct(
        self, weights: Tensor, x: Tensor, labels: Tensor, sizes: Tensor, *constants: Tensor
    ) -> Tensor:
        """How many of the first `sizes` rows of each replica are classified rightly, [K]."""

        def right(weights: Tensor, constants: list[Tensor], x: Tensor, labels: Tensor) -> Tensor:
            return hits(self.net.logits(weights, constants, x), labels)

        rows = each_replica(right)(weights, list(constants), x, labels)
        return (rows & _mask(sizes, x)).sum(1)

    def measure(self, stack: Stack) -> Evaluation:
        """Hits, loss and gradient over all samples, in evaluation mode."""
        self.net.template.eval()
        gradient = torch.zeros_like(stack.weights)
        losses = torch.zeros_like(stack.counts, dtype=torch.float64)
        correct = torch.zeros_like(stack.counts)
        for first in range(0, stack.rows.shape[1], CHUNK_ROWS):
            x, labels, sizes = stack.chunk(first, CHUNK_ROWS)
            mask = _mask(sizes, x)
            share = mask / stack.counts[:, None]
            gradient = (
                gradient + self._gradient(stack.weights, x, labels, share, stack.constants)[1]
            )
            plain = self._row_losses(stack.weights, x, labels, stack.constants, smoothing=0.0)
            correct += self.correct(stack.weights, x, labels, sizes, *stack.constants)
            losses += torch.where(mask, plain.double(), 0.0).sum(1)
        gradient = self._procedure.optimizer.with_decay(gradient, stack.weights)
        return Evaluation(correct, losses / stack.counts, gradient.double().norm(dim=1))

    def _gradient(
        self, weights: Tensor, x: Tensor, labels: Tensor, share: Tensor, constants: list[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Each replica's loss [K], its rows weighed by `share` [K, rows], and its gradient.

        The replicas' losses depend on their own weights only, so the gradient of their sum holds
        every replica's gradient: one backward pass, and no functional transform in it.
        """
        with torch.enable_grad():
            variable = weights.detach().requires_grad_()
            smoothing = self._procedure.label_smoothing
            rows = self._row_losses(variable, x, labels, constants, smoothing=smoothing)
            losses = (rows * share).sum(1)
            (gradient,) = torch.autograd.grad(losses.sum(), variable)
        return losses.detach(), gradient

    def _row_losses(
        self,
        weights: Tensor,
        x: Tensor,
        labels: Tensor,
        constants: list[Tensor],
        *,
        smoothing: float,
    ) -> Tensor:
        def one(weights: Tensor, constants: list[Tensor], x: Tensor, labels: Tensor) -> Tensor:
            logits = self.net.logits(weights, constants, x)
            return row_losses(self._procedure, logits, labels, smoothing=smoothing)

        return each_replica(one)(weights, constants, x, labels)


Batched = Callable[[Tensor, list[Tensor], Tensor, Tensor], Tensor]


def each_replica(function: Batched) -> Batched:
    """`function` over the first dimension of its arguments; a single replica needs no vmap."""

    def batched(weights: Tensor, constants: list[Tensor], x: Tensor, labels: Tensor) -> Tensor:
        if len(weights) > 1:
            many: Tensor = vmap(function)(weights, constants, x, labels)
            return many
        return function(weights[0], [each[0] for each in constants], x[0], labels[0])[None]

    return batched


def _mask(sizes: Tensor, x: Tensor) -> Tensor:
    """Which rows of x [K, rows, ...] are among the first `sizes` [K], bool [K, rows]."""
    return torch.arange(x.shape[1], device=x.device) < sizes[:, None]
