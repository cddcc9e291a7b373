"""Sharpness-aware minimisation (Foret et al. 2021): the gradient of a point a little uphill."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.optim import SGD

from emc.engine.optimizer import Decaying, Shapes
from emc.engine.optimizers.sgd import MomentumRule

_SMALLEST_NORM = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Sam(Decaying):
    """`sgd` by the gradient at the end of a step of length `rho` uphill."""

    gradients: ClassVar[int | None] = 2

    momentum: float
    rho: float

    def second_point(self, weights: Tensor, gradient: Tensor) -> Tensor:
        """As `Optimizer` says."""
        return weights + uphill(gradient, self.rho)

    def rule(self, shapes: Shapes, head: Collection[int]) -> MomentumRule:  # noqa: ARG002
        """As `Optimizer` says."""
        return MomentumRule(self.momentum, False, shapes)

    def reference(
        self,
        parameters: list[nn.Parameter],
        lr: float,
        head: Collection[int],  # noqa: ARG002
    ) -> "SamOptimizer":
        """As `Optimizer` says."""
        return SamOptimizer(
            [{"params": parameters, "rho": self.rho}],
            lr,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
        )


def uphill(gradients: Tensor, rho: float) -> Tensor:
    """Steps of length `rho` along gradients [replicas, parameters]."""
    steps: Tensor = rho * gradients / (gradients.norm(dim=1, keepdim=True) + _SMALLEST_NORM)
    return steps


class SamOptimizer(SGD):
    """SGD by the gradient uphill; its group has the distance `rho`, and weight decay is SGD's."""

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take a step; `closure` computes the gradient and returns the loss, here and uphill."""
        assert closure is not None
        (group,) = self.param_groups
        parameters = group["params"]
        with torch.enable_grad():
            loss = closure()
        before = [p.clone() for p in parameters]
        found = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        flat = torch.cat([gradient.flatten() for gradient in found])
        steps = torch.split(uphill(flat[None], group["rho"])[0], [p.numel() for p in parameters])
        for p, step in zip(parameters, steps, strict=True):
            p.add_(step.view_as(p))
        with torch.enable_grad():
            closure()
        for p, old in zip(parameters, before, strict=True):
            p.copy_(old)
        super().step()
        return loss


OPTIMIZER = Sam
