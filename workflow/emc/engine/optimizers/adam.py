"""Adam (Kingma and Ba 2015), as torch.optim.Adam has it."""

from collections.abc import Collection
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from emc.engine.optimizer import Decaying, KernelOptimizer, KernelRule, Shapes

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.optim import Optimizer as Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments(Decaying):
    """Adam's constants, and what follows from them alone."""

    beta1: float
    beta2: float
    epsilon: float

    def step_numbers(
        self, rates: np.ndarray, t: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """As `Optimizer` says.

        The rate is divided by 1 - beta1^t and the second moment by 1 - beta2^t (Kingma and Ba
        2015, algorithm 1).
        """
        size, root = rates / (1 - self.beta1**t), np.sqrt(1 - self.beta2**t)
        return size, root, np.zeros_like(rates)

    def direction(
        self, moments: "list[Tensor]", gradient: "Tensor", scalars: "Tensor"
    ) -> "tuple[Tensor, list[Tensor]]":
        """What Adam multiplies by its step size, and both moments, [replicas, parameters] each."""
        root = scalars[:, 2, None]
        first = moments[0].lerp(gradient, 1 - self.beta1)
        second = self.beta2 * moments[1] + (1 - self.beta2) * gradient.square()
        return first / (second.sqrt() / root + self.epsilon), [first, second]


class MomentRule:
    """Adam's step; decoupled decay first shrinks the weights by the rate times it."""

    def __init__(self, moments: Moments, shapes: Shapes) -> None:
        """Take the constants."""
        self._moments = moments
        self.lengths: tuple[int, ...] = (sum(map(prod, shapes)),) * 2

    def __call__(
        self, weights: "Tensor", state: "list[Tensor]", gradient: "Tensor", scalars: "Tensor"
    ) -> "tuple[Tensor, list[Tensor]]":
        """As `Rule` says; the state: both moments."""
        lr, size = scalars[:, 0, None], scalars[:, 1, None]
        if self._moments.decoupled:
            weights = weights * (1 - lr * self._moments.weight_decay)
        direction, state = self._moments.direction(state, gradient, scalars)
        return weights - size * direction, state


@dataclass(frozen=True, slots=True, kw_only=True)
class Adam(Moments):
    """Adam with weight decay added to the gradient."""

    @property
    def kernel_rule(self) -> KernelRule:
        """As `Optimizer` says."""
        return KernelRule(
            optimizer=KernelOptimizer.ADAM,
            beta1=self.beta1,
            beta2=self.beta2,
            epsilon=self.epsilon,
            coupled_decay=self.coupled_decay,
            decoupled_decay=self.decoupled_decay,
        )

    def rule(self, shapes: Shapes, head: Collection[int]) -> MomentRule:  # noqa: ARG002
        """As `Optimizer` says."""
        return MomentRule(self, shapes)

    def reference(
        self,
        parameters: "list[nn.Parameter]",
        lr: float,
        head: Collection[int],  # noqa: ARG002
    ) -> "Reference":
        """As `Optimizer` says."""
        from torch import optim

        kind = optim.AdamW if self.decoupled else optim.Adam
        betas = (self.beta1, self.beta2)
        return kind(parameters, lr, betas, self.epsilon, weight_decay=self.weight_decay)


OPTIMIZER = Adam
