"""The multilayer perceptron as torch layers; with the program's activations it is a layered net."""

from itertools import pairwise
from math import prod

from torch import nn

from emc.nets.activation import ActivationLayer
from emc.nets.families import Hidden
from emc.nets.initialisation import draw
from emc.study.architectures import Mlp


def make(architecture: Mlp, hidden: Hidden, shape: tuple[int, ...], classes: int) -> nn.Module:
    """A fresh net from torch's generator, by the rules of `emc.nets.layers.initial`."""
    assert architecture.width is not None
    layers: list[nn.Module] = [nn.Flatten()]
    for before, after in pairwise([prod(shape), *[architecture.width] * architecture.depth]):
        dense = nn.Linear(before, after)
        draw(dense, hidden.initialisation, hidden.activation)
        layers += [dense, ActivationLayer(hidden.activation)]
    head = nn.Linear(architecture.width, classes)
    draw(head, hidden.initialisation, "identity")
    return nn.Sequential(*layers, head)
