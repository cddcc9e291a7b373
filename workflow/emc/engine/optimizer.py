"""What the engine knows of an optimizer, and what each file of `emc.engine.optimizers` says.

The training step, which all back ends take: with weights w, their batch's mean loss L (smoothed
labels, if asked for) and coupled weight decay c,

    g = dL/dw at w, or at the optimizer's `second_point`; the coupled decay c w is added to it
    w, state = rule(w, state, g, the scalars of the step)

Rows of padding weigh nothing in L, a batch without rows leaves w and state as they are, and dropout
draws one mask per step, however often the step asks for the gradient. Decoupled decay belongs to
the rule. `emc.engine.sequential` takes the step with `reference`, replica by replica, and is the
definition; `emc.engine.stacked.step` takes it for many replicas with `rule`; the native kernels
take it for those that have a `kernel_rule`, with the rules of `native/kernel/update.hpp`.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, ClassVar, Final, Protocol

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.optim import Optimizer as Reference

SCALARS: Final = 4
"""Numbers that a step needs of a replica: learning rate, step size, root of the correction, and
whether preconditioners are `REFRESHED` or `BEGUN` at its end."""
REFRESHED, BEGUN = 1, 2

Shapes = Sequence[tuple[int, ...]]


class Rule(Protocol):
    """How an optimizer steps on parameters of given shapes, [replicas, parameters] in a row.

    `lengths` has the numbers of each row of its state, which is zero before the first step.
    """

    lengths: tuple[int, ...]

    def __call__(
        self,
        weights: "Tensor",
        state: "list[Tensor]",
        gradient: "Tensor",
        scalars: "Tensor",
    ) -> "tuple[Tensor, list[Tensor]]":
        """Weights and state [replicas, length] after a step; `scalars` is [replicas, SCALARS].

        `gradient` holds the coupled decay.
        """


class KernelOptimizer(IntEnum):
    """The rules of the native kernels, in the order of `native/kernel/update.hpp`."""

    SGD = 0
    ADAM = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelRule:
    """A rule of the native kernels, and its constants."""

    optimizer: KernelOptimizer
    nesterov: bool = False
    momentum: float = 0.0
    beta1: float = 0.0
    beta2: float = 0.0
    epsilon: float = 1.0
    coupled_decay: float = 0.0
    decoupled_decay: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimizer:
    """An optimizer with its constants, which are its fields; the rate belongs to the replica."""

    gradients: ClassVar[int | None] = 1
    """How often a step takes the gradient of its batch; None where it depends on the loss."""
    alone: ClassVar[str | None] = None
    """Why replicas cannot take their steps together, after "the optimizer ...", or None."""
    decomposes: ClassVar[bool] = False
    """Whether it decomposes matrices in some steps only: no fixed list of operations."""
    knows_head: ClassVar[bool] = False
    """Whether the matrices that make the logits are treated otherwise than the others."""
    skips_unused: ClassVar[bool] = False
    """Whether weights that the loss does not depend on are left alone, even by weight decay."""

    @property
    def coupled_decay(self) -> float:
        """Weight decay that is part of the minimised loss: half of it times |w|^2."""
        return 0.0

    def with_decay(self, gradient: "Tensor", weights: "Tensor") -> "Tensor":
        """The gradient of the minimised loss: that of the data and the coupled decay's."""
        decay = self.coupled_decay
        return gradient + decay * weights if decay else gradient

    @property
    def kernel_rule(self) -> KernelRule | None:
        """What the native kernels take for it, or None where they have no such rule."""
        return None

    def step_scalars(self, rates: np.ndarray, first: int) -> np.ndarray:
        """What steps `first` (0 is the first of all), ... need, float32 [steps, SCALARS].

        `rates` are their learning rates [steps].
        """
        numbers = self.step_numbers(rates, np.arange(first + 1, first + 1 + len(rates)))
        return np.stack([rates, *numbers], axis=1).astype(np.float32)

    def step_numbers(
        self,
        rates: np.ndarray,
        t: np.ndarray,  # noqa: ARG002  # some optimizers need it
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Step sizes, roots and whether preconditioners are made, [steps] each, at t = 1, 2, ..."""
        return rates, np.ones_like(rates), np.zeros_like(rates)

    def second_point(
        self,
        weights: "Tensor",  # noqa: ARG002
        gradient: "Tensor",  # noqa: ARG002
    ) -> "Tensor | None":
        """Where the gradient that steps is taken, [replicas, parameters]; None for `weights`."""
        return None

    def rule(self, shapes: Shapes, head: Collection[int]) -> Rule:
        """The rule for parameters of these shapes; `head` has the places of those that make logits.

        Raises:
            EmcError: the optimizer does not suit such parameters.
        """
        raise NotImplementedError

    def reference(
        self,
        parameters: "list[nn.Parameter]",  # noqa: ARG002
        lr: float,  # noqa: ARG002  # the schedule sets it before each step
        head: Collection[int],  # noqa: ARG002
    ) -> "Reference | None":
        """The optimizer of torch whose steps are the definition; None where the rule is."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decaying(Optimizer):
    """An optimizer with weight decay: added to the gradient unless it is `decoupled`."""

    decoupled: ClassVar[bool] = False
    """Whether decay shrinks the weights by itself, and is no part of the minimised loss."""

    weight_decay: float

    @property
    def coupled_decay(self) -> float:
        """As `Optimizer` says."""
        return 0.0 if self.decoupled else self.weight_decay

    @property
    def decoupled_decay(self) -> float:
        """Weight decay that times the learning rate is taken off the weights in each step."""
        return self.weight_decay if self.decoupled else 0.0
