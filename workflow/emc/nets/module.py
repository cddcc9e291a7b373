"""Layers as a torch module, and parameters put into any module."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from emc.errors import EmcError
from emc.nets.activation import FUNCTIONS
from emc.nets.layers import Conv, Dense, Layers, initial


class _Layer(nn.Module):
    """Weight, optional bias and activation; parameters are zero until they are loaded."""

    def __init__(self, layer: Dense | Conv) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(layer.weight_shape))
        self.bias = nn.Parameter(torch.zeros(layer.outputs)) if layer.bias else None
        self.activation = FUNCTIONS[layer.activation]


class _Dense(_Layer):
    def forward(self, x: Tensor) -> Tensor:
        return self.activation(functional.linear(x.flatten(1), self.weight, self.bias))


class _Conv(_Layer):
    def forward(self, x: Tensor) -> Tensor:
        return functional.max_pool2d(
            self.activation(functional.conv2d(x, self.weight, self.bias, padding=1)), 2
        )


def module(layers: Layers) -> nn.Module:
    """The net of `layers`: from inputs [batch, *shape] to logits [batch, classes], float32.

    Parameters are named as `emc.nets.layers.initial` names them and are zero until `load`.
    """
    return nn.Sequential(
        *(_Conv(layer) if isinstance(layer, Conv) else _Dense(layer) for layer in layers)
    )


def drawn(layers: Layers, rule: str) -> nn.Module:
    """The net of `layers` with fresh parameters, from the seed of torch's generator.

    They are those that `initial` draws from a generator of numpy's with the same seed.
    """
    net = module(layers)
    load(net, initial(layers, rule, np.random.Generator(np.random.Philox(torch.initial_seed()))))
    return net


def load(net: nn.Module, parameters: Mapping[str, np.ndarray]) -> None:
    """Put values by name into the net's parameters and buffers, in the net's own dtype.

    Every parameter must be given; a buffer that is not keeps its value.

    Raises:
        EmcError: a name or a shape is not the net's.
    """
    state = net.state_dict()
    missing = {name for name, _ in net.named_parameters()} - parameters.keys()
    unknown = parameters.keys() - state.keys()
    if missing or unknown:
        raise EmcError(
            f"parameters: expected {', '.join(state)}, found {', '.join(parameters) or 'none'}"
        )
    for name, values in parameters.items():
        if values.shape != state[name].shape:
            raise EmcError(
                f"parameter {name!r}: expected the shape {tuple(state[name].shape)}, found"
                f" {values.shape}"
            )
        state[name].copy_(torch.tensor(values))
