"""MLP-Mixer (Tolstikhin et al. 2021)."""

from torch import Tensor, nn

from emc.nets.activation import ActivationLayer
from emc.nets.families import Hidden
from emc.study.activation import ActivationChoice
from emc.study.architectures import MlpMixer


def make(architecture: MlpMixer, hidden: Hidden, shape: tuple[int, ...], classes: int) -> nn.Module:
    """A fresh net from torch's generator, with PyTorch's default initial weights."""
    width = architecture.width
    assert width is not None
    tokens = architecture.tokens(shape)
    blocks = (
        Block(
            _mlp(tokens, architecture.token_units, hidden.activation),
            _mlp(width, 4 * width, hidden.activation),
            width,
        )
        for _ in range(architecture.depth)
    )
    return nn.Sequential(
        nn.Conv2d(shape[0], width, architecture.patch, stride=architecture.patch),
        nn.Flatten(2),
        Transposed(),
        *blocks,
        nn.LayerNorm(width),
        TokenMean(),
        nn.Linear(width, classes),
    )


class Block(nn.Module):
    """Mixes the tokens of each channel, then the channels of each token, [batch, tokens, width]."""

    def __init__(self, tokens: nn.Module, channels: nn.Module, width: int) -> None:
        """Take the two MLPs."""
        super().__init__()
        self.token_norm, self.tokens = nn.LayerNorm(width), tokens
        self.channel_norm, self.channels = nn.LayerNorm(width), channels

    def forward(self, x: Tensor) -> Tensor:
        """Tokens of the same shape."""
        x = x + self.tokens(self.token_norm(x).transpose(1, 2)).transpose(1, 2)
        mixed: Tensor = x + self.channels(self.channel_norm(x))
        return mixed


class Transposed(nn.Module):
    """Channels last: [batch, width, tokens] to [batch, tokens, width]."""

    def forward(self, x: Tensor) -> Tensor:
        """The last two axes exchanged."""
        return x.transpose(1, 2)


class TokenMean(nn.Module):
    """The mean token: [batch, tokens, width] to [batch, width]."""

    def forward(self, x: Tensor) -> Tensor:
        """The mean over the middle axis."""
        return x.mean(1)


def _mlp(features: int, units: int, activation: ActivationChoice) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(features, units), ActivationLayer(activation), nn.Linear(units, features)
    )
