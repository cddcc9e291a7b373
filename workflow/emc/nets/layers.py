"""A net of dense and convolutional layers as plain numbers, without torch."""

from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Final

import numpy as np

from emc.activations import ACTIVATIONS
from emc.study.architectures import Cnn, Linear, Mlp

TAPS: Final = 9
"""Weights of a 3x3 convolution between two channels."""


@dataclass(frozen=True, slots=True)
class Dense:
    """y = activation(W x + b): W is [outputs, inputs], the input is flattened."""

    inputs: int
    outputs: int
    bias: bool
    activation: str

    @property
    def fan_in(self) -> int:
        """Inputs of one unit."""
        return self.inputs

    @property
    def pixels(self) -> int:
        """How many times each unit's weights are used on one sample."""
        return 1

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """Shape of the weight, as torch lays it out."""
        return (self.outputs, self.inputs)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of what it hands on of one sample."""
        return (self.outputs,)


@dataclass(frozen=True, slots=True)
class Conv:
    """3x3 convolution padded by one pixel, activation, 2x2 max-pooling (odd edges dropped)."""

    inputs: int
    outputs: int
    height: int
    width: int
    activation: str
    bias: bool = True

    @property
    def fan_in(self) -> int:
        """Inputs of one unit."""
        return TAPS * self.inputs

    @property
    def pixels(self) -> int:
        """How many times each unit's weights are used on one sample."""
        return self.height * self.width

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """Shape of the weight, as torch lays it out."""
        return (self.outputs, self.inputs, 3, 3)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of what it hands on of one sample, after pooling."""
        return (self.outputs, self.height // 2, self.width // 2)


Layers = tuple[Dense | Conv, ...]


def layers_of(
    architecture: Linear | Mlp | Cnn, activation: str, shape: tuple[int, ...], classes: int
) -> Layers:
    """The layers of a net for inputs of `shape`; the last one gives the logits."""
    match architecture:
        case Linear():
            return (Dense(prod(shape), classes, architecture.bias, "identity"),)
        case Mlp():
            assert architecture.width is not None
            sizes = [prod(shape), *[architecture.width] * architecture.depth]
            hidden = pairwise(sizes)
            layers = [Dense(before, after, True, activation) for before, after in hidden]
            return (*layers, Dense(sizes[-1], classes, True, "identity"))
        case Cnn():
            return _convolutions(architecture, activation, shape, classes)


def _convolutions(net: Cnn, activation: str, shape: tuple[int, ...], classes: int) -> Layers:
    channels = net.channels(shape)
    height, width = shape[1:]
    stages = [
        Conv(before, after, height >> stage, width >> stage, activation)
        for stage, (before, after) in enumerate(pairwise(channels))
    ]
    flat = channels[-1] * (height >> net.depth) * (width >> net.depth)
    return (*stages, Dense(flat, classes, True, "identity"))


def layer_shapes(layers: Layers) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a layered net's parameters, in order."""
    shapes: dict[str, tuple[int, ...]] = {}
    for index, layer in enumerate(layers):
        shapes[f"{index}.weight"] = layer.weight_shape
        if layer.bias:
            shapes[f"{index}.bias"] = (layer.outputs,)
    return shapes


def count(layers: Layers) -> int:
    """Number of trainable parameters."""
    return sum(prod(layer.weight_shape) + layer.bias * layer.outputs for layer in layers)


def multiply_adds(layers: Layers) -> int:
    """Multiply-adds that the logits of one sample take."""
    return sum(layer.pixels * layer.fan_in * layer.outputs for layer in layers)


def initial(layers: Layers, rule: str, draw: np.random.Generator) -> dict[str, np.ndarray]:
    """Fresh float32 parameters, named `0.weight`, `0.bias`, `1.weight`, ...

    `scaled-normal`: weights N(0, gain^2 / fan_in) with the gain of the layer's own activation,
    biases zero (He et al. 2015; Glorot and Bengio 2010). `torch`: U(-1, 1) / sqrt(fan_in) for
    both, PyTorch's default.
    """
    parameters = {}
    for index, layer in enumerate(layers):
        scale = layer.fan_in**-0.5
        if rule == "torch":
            weight = draw.uniform(-scale, scale, layer.weight_shape)
            bias = draw.uniform(-scale, scale, layer.outputs)
        else:
            weight = draw.normal(0, ACTIVATIONS[layer.activation].gain * scale, layer.weight_shape)
            bias = np.zeros(layer.outputs)
        parameters[f"{index}.weight"] = weight.astype(np.float32)
        if layer.bias:
            parameters[f"{index}.bias"] = bias.astype(np.float32)
    return parameters
