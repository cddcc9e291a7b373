"""A factory of modules together with what is known of its nets as numbers; no torch here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from emc.nets.graph import Graph
from emc.nets.layers import Layers
from emc.nets.transformer import Transformer

if TYPE_CHECKING:
    from torch import nn

KnownNet = Layers | Transformer | Graph
"""A net as plain numbers, in the forms that kernels take."""


@dataclass(frozen=True, slots=True)
class TracedModule:
    """A factory of modules that has been looked at.

    `net` is what its modules compute, or None, and then `unknown` says why. `shapes` are those of
    the module's parameters by its own names, in the order in which `net` has them; `statistics`
    those of the running statistics of its batch norms. `settings` are those of its layers that a
    net must have to compute the same.
    """

    make: "Callable[[], nn.Module]"
    net: KnownNet | None
    shapes: tuple[tuple[str, tuple[int, ...]], ...] = ()
    unknown: str | None = None
    statistics: tuple[tuple[str, tuple[int, ...]], ...] = ()
    settings: Mapping[str, object] = field(default_factory=dict, compare=False, repr=False)

    def __call__(self) -> "nn.Module":
        """A fresh module."""
        return self.make()
