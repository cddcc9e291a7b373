"""Nets of torch modules, one file per family, named after what a study calls the family.

Each file has one function `make`, called as `MakeNet` says, and says which architecture of
`emc.study.architectures` it is for. A file, and torch with it, is loaded when a net is made.
"""

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from emc.study.activation import ActivationChoice
from emc.study.program_modules import named_module

if TYPE_CHECKING:
    from torch import nn


class Hidden(NamedTuple):
    """What a cell says of hidden layers: their activation, and the rule of initial weights.

    The rule is one of `emc.nets.layers.initial`; families with published initial weights ignore it.
    """

    activation: ActivationChoice
    initialisation: str


class MakeNet(Protocol):
    """Makes a net of one family."""

    def __call__(
        self, architecture: Any, hidden: Hidden, shape: tuple[int, ...], classes: int
    ) -> "nn.Module":
        """A fresh net, from inputs [batch, *shape] to logits [batch, classes].

        Its weights are drawn from torch's global generator.
        """


def maker(name: str) -> MakeNet:
    """What makes the nets of the family that a study calls `name`, one of `FAMILIES`.

    Raises:
        EmcError: no file does.
    """
    found: MakeNet = named_module(__name__, "architecture", name).make
    return found
