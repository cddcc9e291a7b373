"""Element-wise functions by name, as functions and as layers."""

from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional


def _identity(x: Tensor) -> Tensor:
    return x


ACTIVATIONS: Final[dict[str, Callable[[Tensor], Tensor]]] = {
    "relu": functional.relu,
    "leaky-relu": functional.leaky_relu,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "identity": _identity,
}
"""Element-wise functions by name; `leaky-relu` has slope 0.01, `gelu` is the exact (erf) form."""


class Activation(nn.Module):
    """One of `ACTIVATIONS` as a layer without parameters."""

    def __init__(self, name: str) -> None:
        """Take the function's name."""
        super().__init__()
        self._name = name

    def forward(self, x: Tensor) -> Tensor:
        """The function of each number."""
        return ACTIVATIONS[self._name](x)

    def extra_repr(self) -> str:
        """The function's name."""
        return self._name


def activate(net: nn.Module, published: type[nn.Module], name: str) -> None:
    """Put the named function in the place of every `published` activation of a net."""
    for layer in net.modules():
        for key, child in layer.named_children():
            if isinstance(child, published):
                setattr(layer, key, Activation(name))
