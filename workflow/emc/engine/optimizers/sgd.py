"""Stochastic gradient descent, as torch.optim.SGD has it."""

from collections.abc import Collection
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from emc.engine.optimizer import Decaying, KernelOptimizer, KernelRule, Shapes

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.optim import Optimizer as Reference


class MomentumRule:
    """Heavy-ball momentum, or Nesterov's, as torch.optim.SGD has them."""

    def __init__(self, momentum: float, nesterov: bool, shapes: Shapes) -> None:
        """Take the constants."""
        self._momentum, self._nesterov = momentum, nesterov
        self.lengths: tuple[int, ...] = (sum(map(prod, shapes)),) * int(momentum > 0)

    def __call__(
        self, weights: "Tensor", state: "list[Tensor]", gradient: "Tensor", scalars: "Tensor"
    ) -> "tuple[Tensor, list[Tensor]]":
        """As `Rule` says; the state: the velocity, where there is momentum."""
        lr = scalars[:, 0, None]
        if not state:
            return weights - lr * gradient, []
        velocity = self._momentum * state[0] + gradient
        direction = gradient + self._momentum * velocity if self._nesterov else velocity
        return weights - lr * direction, [velocity]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sgd(Decaying):
    """Mini-batch stochastic gradient descent."""

    momentum: float
    nesterov: bool

    @property
    def kernel_rule(self) -> KernelRule:
        """As `Optimizer` says."""
        return KernelRule(
            optimizer=KernelOptimizer.SGD,
            momentum=self.momentum,
            nesterov=self.nesterov,
            coupled_decay=self.coupled_decay,
        )

    def rule(self, shapes: Shapes, head: Collection[int]) -> MomentumRule:  # noqa: ARG002
        """As `Optimizer` says."""
        return MomentumRule(self.momentum, self.nesterov, shapes)

    def reference(
        self,
        parameters: "list[nn.Parameter]",
        lr: float,
        head: Collection[int],  # noqa: ARG002
    ) -> "Reference":
        """As `Optimizer` says."""
        from torch.optim import SGD

        return SGD(
            parameters,
            lr,
            momentum=self.momentum,
            nesterov=self.nesterov,
            weight_decay=self.weight_decay,
        )


OPTIMIZER = Sgd
