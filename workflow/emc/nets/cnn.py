"""The scaled convolutional net with normalisation; without, it is a plan."""

from itertools import pairwise

from torch import nn

from emc.nets.activation import Activation
from emc.nets.normalisation import normalisation
from emc.nets.plan import GAINS
from emc.study.architectures import Cnn


def cnn(
    architecture: Cnn, activation: str, initialisation: str, shape: tuple[int, ...], classes: int
) -> nn.Module:
    """A fresh net from torch's generator, by the rules of `emc.nets.plan.initial`."""
    channels = architecture.channels(shape)
    norm = normalisation(architecture.normalisation)
    stages = [
        nn.Sequential(
            nn.Conv2d(before, after, 3, padding=1),
            norm(after),
            Activation(activation),
            nn.MaxPool2d(2),
        )
        for before, after in pairwise(channels)
    ]
    height, width = (side >> architecture.depth for side in shape[1:])
    head = nn.Linear(channels[-1] * height * width, classes)
    if initialisation == "scaled-normal":
        for stage in stages:
            _draw(stage[0], GAINS[activation])
        _draw(head, GAINS["identity"])
    return nn.Sequential(*stages, nn.Flatten(), head)


def _draw(layer: nn.Module, gain: float) -> None:
    assert isinstance(layer, nn.Conv2d | nn.Linear)
    assert layer.bias is not None
    fan_in = layer.weight[0].numel()
    nn.init.normal_(layer.weight, std=gain * fan_in**-0.5)
    nn.init.zeros_(layer.bias)
