"""Adam with decoupled weight decay (Loshchilov and Hutter 2019), as torch.optim.AdamW has it."""

from dataclasses import dataclass
from typing import ClassVar

from emc.engine.optimizers.adam import Adam


@dataclass(frozen=True, slots=True, kw_only=True)
class AdamW(Adam):
    """Adam whose weight decay shrinks the weights by itself."""

    decoupled: ClassVar[bool] = True


OPTIMIZER = AdamW
