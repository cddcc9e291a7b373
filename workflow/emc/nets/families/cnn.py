"""The scaled convolutional net as torch layers; without normalisation it can be a layered net."""

from itertools import pairwise

from torch import nn

from emc.nets.activation import ActivationLayer
from emc.nets.families import Hidden
from emc.nets.initialisation import draw
from emc.nets.normalisation import normalisation
from emc.study.architectures import Cnn


def make(architecture: Cnn, hidden: Hidden, shape: tuple[int, ...], classes: int) -> nn.Module:
    """A fresh net from torch's generator, by the rules of `emc.nets.layers.initial`."""
    channels = architecture.channels(shape)
    norm = normalisation(architecture.normalisation)
    stages: list[nn.Module] = []
    for before, after in pairwise(channels):
        convolution = nn.Conv2d(before, after, 3, padding=1)
        draw(convolution, hidden.initialisation, hidden.activation)
        stages.append(
            nn.Sequential(
                convolution, norm(after), ActivationLayer(hidden.activation), nn.MaxPool2d(2)
            )
        )
    height, width = (side >> architecture.depth for side in shape[1:])
    head = nn.Linear(channels[-1] * height * width, classes)
    draw(head, hidden.initialisation, "identity")
    return nn.Sequential(*stages, nn.Flatten(), head)
