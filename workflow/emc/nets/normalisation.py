"""Layers that normalise the channels of images."""

from collections.abc import Callable
from typing import Final

from torch import Tensor, nn
from torch.nn import functional

_CHANNELS: Final = 16
"""Channels a group has at least (Wu and He 2018 find 16 as good as 32 groups)."""


def normalisation(kind: str) -> Callable[[int], nn.Module]:
    """Makes a layer for a number of channels: kind "group", "batch" or "none"."""
    return _MAKERS[kind]


def group_norm(channels: int) -> nn.GroupNorm:
    """In as many equal groups as have 16 channels or more; one group of fewer channels."""
    most = max(1, channels // _CHANNELS)
    groups = max(count for count in range(1, most + 1) if channels % count == 0)
    return nn.GroupNorm(groups, channels)


class BatchNorm(nn.BatchNorm2d):
    """Torch's, but that a channel of a single number is normalised as in evaluation.

    A single number has no variance: torch refuses a batch of one sample and one pixel.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Images [batch, channels, height, width], normalised."""
        if self.training and x.numel() == x.shape[1]:
            return functional.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        return super().forward(x)


_MAKERS: Final[dict[str, Callable[[int], nn.Module]]] = {
    "none": nn.Identity,
    "group": group_norm,
    "batch": BatchNorm,
}
