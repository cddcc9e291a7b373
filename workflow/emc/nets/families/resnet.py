"""ResNet of torchvision's basic blocks, at any width, for images of any size."""

from collections import OrderedDict
from collections.abc import Callable

from torch import nn
from torchvision.models.resnet import BasicBlock

from emc.nets.activation import activate
from emc.nets.families import Hidden
from emc.nets.normalisation import normalisation
from emc.study.architectures import ResNet


def make(architecture: ResNet, hidden: Hidden, shape: tuple[int, ...], classes: int) -> nn.Module:
    """A fresh net from torch's generator: layers, names and initial weights are torchvision's."""
    norm = normalisation(architecture.normalisation)
    layers = _stem(architecture, shape[0], norm)
    before = architecture.channels[0]
    for stage, after in enumerate(architecture.channels):
        blocks = architecture.blocks[stage]
        layers[f"layer{stage + 1}"] = _stage(before, after, blocks, 2 if stage else 1, norm)
        before = after
    layers["avgpool"] = nn.AdaptiveAvgPool2d(1)
    layers["flatten"] = nn.Flatten()
    layers["fc"] = nn.Linear(before, classes)
    net = nn.Sequential(layers)
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    activate(net, nn.ReLU, hidden.activation)
    return net


Norm = Callable[[int], nn.Module]


def _stem(architecture: ResNet, colours: int, norm: Norm) -> OrderedDict[str, nn.Module]:
    width = architecture.channels[0]
    large = architecture.stem == "large"
    return OrderedDict(
        conv1=nn.Conv2d(colours, width, 7, stride=2, padding=3, bias=False)
        if large
        else nn.Conv2d(colours, width, 3, padding=1, bias=False),
        bn1=norm(width),
        relu=nn.ReLU(),
        maxpool=nn.MaxPool2d(3, stride=2, padding=1) if large else nn.Identity(),
    )


def _stage(before: int, after: int, blocks: int, stride: int, norm: Norm) -> nn.Sequential:
    projection = None
    if before != after:
        projection = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), norm(after))
    first = BasicBlock(before, after, stride, projection, norm_layer=norm)
    others = (BasicBlock(after, after, norm_layer=norm) for _ in range(blocks - 1))
    return nn.Sequential(first, *others)
