"""Element-wise functions, as functions and as layers."""

from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from emc.study.activation import ActivationChoice, PluginActivation, activation_name


def _identity(x: Tensor) -> Tensor:
    return x


FUNCTIONS: Final[dict[str, Callable[[Tensor], Tensor]]] = {
    "relu": functional.relu,
    "leaky-relu": functional.leaky_relu,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "identity": _identity,
}
"""The program's own, by name; `leaky-relu` has slope 0.01, `gelu` is the exact (erf) form."""


class ActivationLayer(nn.Module):
    """One of `FUNCTIONS`, or a plug-in's function, as a layer without parameters."""

    def __init__(self, activation: ActivationChoice) -> None:
        """Take the function."""
        super().__init__()
        self._name = activation_name(activation)
        self._function = (
            activation.registered.function
            if isinstance(activation, PluginActivation)
            else FUNCTIONS[activation]
        )

    def forward(self, x: Tensor) -> Tensor:
        """The function of each number."""
        return self._function(x)

    def extra_repr(self) -> str:
        """The function's name."""
        return self._name


def activate(net: nn.Module, published: type[nn.Module], activation: ActivationChoice) -> None:
    """Put the activation in the place of every `published` one of a net."""
    for layer in net.modules():
        for key, child in layer.named_children():
            if isinstance(child, published):
                setattr(layer, key, ActivationLayer(activation))
