"""Torchvision's EfficientNet at any width, for images of any colours."""

from torch import nn
from torchvision.models import EfficientNet as Published

from emc.nets.activation import activate
from emc.nets.families import Hidden
from emc.nets.fragile import efficientnet_stage
from emc.nets.normalisation import normalisation
from emc.study.architectures import EfficientNet


def make(
    architecture: EfficientNet, hidden: Hidden, shape: tuple[int, ...], classes: int
) -> nn.Module:
    """A fresh net from torch's generator, with torchvision's names and initial weights."""
    net: nn.Module = Published(
        [efficientnet_stage(*stage) for stage in architecture.stages],
        dropout=0.0,
        stochastic_depth_prob=0.0,
        num_classes=classes,
        norm_layer=normalisation(architecture.normalisation),
    )
    stride = 2 if architecture.stem == "large" else 1
    first = nn.Conv2d(shape[0], architecture.stages[0].before, 3, stride, padding=1, bias=False)
    nn.init.kaiming_normal_(first.weight, mode="fan_out")
    net.set_submodule("features.0.0", first)
    activate(net, nn.SiLU, hidden.activation)
    return net
