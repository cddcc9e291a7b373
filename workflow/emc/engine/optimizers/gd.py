"""Full-batch gradient descent: `sgd`, whose steps see all samples.

That they do is said once for every optimizer, by `full_batch` of its keys (`emc.study.optimizers`):
a study is planned without the engine, and the engine's procedures follow it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emc.engine.optimizer import Decaying, KernelRule, Shapes
from emc.engine.optimizers.sgd import MomentumRule, Sgd

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer as Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class Gd(Decaying):
    """Gradient descent with heavy-ball momentum."""

    momentum: float

    @property
    def kernel_rule(self) -> KernelRule:
        """As `Optimizer` says."""
        return self._as_sgd.kernel_rule

    def rule(self, shapes: Shapes, head: Collection[int]) -> MomentumRule:
        """As `Optimizer` says."""
        return self._as_sgd.rule(shapes, head)

    def reference(
        self, parameters: "list[nn.Parameter]", lr: float, head: Collection[int]
    ) -> "Reference":
        """As `Optimizer` says."""
        return self._as_sgd.reference(parameters, lr, head)

    @property
    def _as_sgd(self) -> Sgd:
        return Sgd(momentum=self.momentum, nesterov=False, weight_decay=self.weight_decay)


OPTIMIZER = Gd
