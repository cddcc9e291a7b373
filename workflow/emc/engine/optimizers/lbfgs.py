"""L-BFGS with a line search for the strong Wolfe conditions, as torch.optim.LBFGS has it."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from emc.engine.optimizer import Optimizer

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer as Reference

_LINE_SEARCH: Final = 26
"""Evaluations of an iteration at most: one, and the 25 of torch's own line search."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lbfgs(Optimizer):
    """Full-batch L-BFGS; a step is an iteration."""

    gradients: ClassVar[int | None] = None
    alone: ClassVar[str | None] = "follows each replica's own loss in its line search"

    history: int

    def reference(
        self,
        parameters: "list[nn.Parameter]",
        lr: float,
        head: Collection[int],  # noqa: ARG002
    ) -> "Reference":
        """As `Optimizer` says."""
        from torch.optim import LBFGS

        return LBFGS(
            parameters,
            lr,
            max_iter=1,
            max_eval=_LINE_SEARCH,
            history_size=self.history,
            line_search_fn="strong_wolfe",
        )


OPTIMIZER = Lbfgs
