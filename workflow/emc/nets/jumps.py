"""Parameters that a net uses by way of jumps: their gradient is zero wherever there is one."""

from collections.abc import Iterable
from typing import Final

import torch
from torch import Tensor, nn

_NUDGE: Final = 0.01
"""Deviation of noise on parameters, which else may start where gradients vanish."""


def jumping(nets: Iterable[nn.Module], x: Tensor) -> str | None:
    """The first parameter without a gradient in all of several fresh nets, None without any.

    A net that steps (sign, rounding) has none whatever its weights. One with dead units, or with
    weights that start at zero, has one in some of the nets, or once all are nudged.
    """
    left: list[str] | None = None
    for net in nets:
        flat = _flat(net, x)
        left = flat if left is None else [name for name in left if name in flat]
        if not left:
            return None
    return left[0] if left else None


def _flat(net: nn.Module, x: Tensor) -> list[str]:
    """Parameters that the logits depend on, with a gradient that is zero in all numbers."""
    draw = torch.Generator().manual_seed(0)
    trained = {name: value for name, value in net.named_parameters() if value.requires_grad}
    with torch.no_grad():
        for value in trained.values():
            value.add_((_NUDGE * torch.randn(value.shape, generator=draw)).to(value))
    logits = net(x)
    weighed = (logits * torch.randn(logits.shape, generator=draw).to(logits)).sum()
    gradients = torch.autograd.grad(weighed, list(trained.values()), allow_unused=True)
    found = zip(trained, gradients, strict=True)
    return [name for name, slope in found if slope is not None and not slope.any()]
