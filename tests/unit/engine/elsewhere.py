"""A device without numbers or a driver, to see whose memory meets whose."""

import torch
from torch import Tensor, nn

from emc.nets.fragile import held_buffers, held_parameters

ELSEWHERE = "meta"


def moved(tensor: Tensor) -> Tensor:
    return torch.empty(tensor.shape, dtype=tensor.dtype, device=ELSEWHERE)


def moved_net(net: nn.Module) -> nn.Module:
    for layer in net.modules():
        for name, weight in layer.named_parameters(recurse=False):
            held_parameters(layer)[name] = nn.Parameter(moved(weight), weight.requires_grad)
        for name, buffer in layer.named_buffers(recurse=False):
            held_buffers(layer)[name] = moved(buffer)
    return net
