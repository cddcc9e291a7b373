"""Modules as users write them."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

SHAPE = (2, 8, 8)
CLASSES = 5
Make = Callable[[], nn.Module]


def plain() -> nn.Sequential:
    """A chain that every kernel knows."""
    return nn.Sequential(nn.Flatten(), nn.Linear(128, 6), nn.ReLU(), nn.Linear(6, CLASSES))


class OfFunction(nn.Module):
    """What a user writes for a function between layers."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Any:
        return self.function(x)


class WrittenCnn(nn.Module):
    """Its forward is written out with functions; the head is made first."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(16, CLASSES)
        self.first = nn.Conv2d(2, 3, 3, padding=1)
        self.second = nn.Conv2d(3, 4, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.max_pool2d(torch.relu(self.first(x)), 2)
        x = functional.max_pool2d(functional.silu(self.second(x)), (2, 2))
        logits: Tensor = self.head(x.view(x.size(0), -1))
        return logits


class Residual(nn.Module):
    """A block beside its own inputs, then normalised."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(128, 6)
        self.inner = nn.Sequential(nn.Linear(6, 9), nn.GELU(), nn.Linear(9, 6))
        self.norm = nn.LayerNorm(6)
        self.head = nn.Linear(6, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x.flatten(1))
        logits: Tensor = self.head(self.norm(x + self.inner(x)))
        return logits


class Tokens(nn.Module):
    """A transformer of one block over the columns of both images, positions added."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.embed = nn.Linear(16, 6)
        self.positions = nn.Parameter(0.3 * torch.randn(1, 8, 6))
        self.block = block
        self.head = nn.Linear(6, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        batch, colours, height, width = x.shape
        x = x.permute(0, 3, 1, 2).reshape(batch, width, colours * height)
        logits: Tensor = self.head(self.block(self.embed(x) + self.positions).mean(dim=1))
        return logits


class RootMeanSquares(nn.Module):
    """A block as in newer language models: norms without means, and no shifts anywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.before, self.after = nn.RMSNorm(6), nn.LayerNorm(6, bias=False)
        self.up, self.down = nn.Linear(6, 9, bias=False), nn.Linear(9, 6, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.down(functional.silu(self.up(self.before(x))))
        normed: Tensor = self.after(x + inner)
        return normed


class OwnAttention(nn.Module):
    """Two heads, their products written out."""

    def __init__(self) -> None:
        super().__init__()
        self.joint, self.out = nn.Linear(6, 18, bias=False), nn.Linear(6, 6)
        self.norm = nn.LayerNorm(6, elementwise_affine=False)

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, width = x.shape
        joint = self.joint(self.norm(x)).view(batch, tokens, 3, 2, 3)
        q, k, v = joint.permute(2, 0, 3, 1, 4)
        weights = (q @ k.transpose(-2, -1) / 3**0.5).softmax(dim=-1)
        mixed = (weights @ v).transpose(1, 2).reshape(batch, tokens, width)
        return x + self.out(mixed)


class Mixer(nn.Module):
    """Mixes tokens, then channels; sums are taken in place. Some gradients are zero."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Conv2d(2, 6, 4, stride=4)
        self.first, self.second = nn.LayerNorm(6), nn.LayerNorm(6)
        self.tokens, self.channels = nn.Linear(4, 4), nn.Linear(6, 6)
        self.last, self.head = nn.LayerNorm(6), nn.Linear(6, CLASSES)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x).flatten(2).transpose(1, 2)
        x = x + self.act(self.tokens(self.first(x).transpose(1, 2))).transpose(1, 2)
        out = self.channels(self.second(x))
        out += x
        logits: Tensor = self.head(self.last(self.act(out)).mean(1))
        return logits


class ClassToken(nn.Module):
    """A vision transformer with torch's attention and a class token."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(2, 6, 4, stride=4)
        self.token = nn.Parameter(0.1 * torch.randn(1, 1, 6))
        self.positions = nn.Parameter(0.1 * torch.randn(5, 6))
        self.norm = nn.LayerNorm(6)
        self.attention = nn.MultiheadAttention(6, 2, batch_first=True)
        self.head = nn.Linear(6, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], dim=1) + self.positions
        normed = self.norm(x)
        x = x + self.attention(normed, normed, normed, need_weights=False)[0]
        logits: Tensor = self.head(x[:, 0])
        return logits


class Bottleneck(nn.Module):
    """A residual block that is convolved depth by depth and joined with its inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, 4, 3, padding="same", padding_mode="circular")
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.depthwise = nn.Conv2d(4, 8, 3, padding=2, dilation=2, groups=4, bias=False)
        self.norm = nn.GroupNorm(2, 8)
        self.pointwise = nn.Conv2d(8, 4, 1)
        self.small = nn.AdaptiveMaxPool2d((2, 2))
        self.head = nn.Linear(32, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.stem(x))
        inner = self.pointwise(functional.gelu(self.norm(self.depthwise(x))))
        logits: Tensor = self.head(self.small(torch.cat([x, inner + x], 1)).flatten(1))
        return logits


def encoder_layer(**options: Any) -> nn.Module:
    """Torch's block without dropout, samples first."""
    return nn.TransformerEncoderLayer(6, 2, 8, dropout=0.0, batch_first=True, **options)


WRITTEN: dict[str, Make] = {
    "cnn with functions": WrittenCnn,
    "residual": Residual,
    "torch's block": lambda: Tokens(encoder_layer()),
    "torch's block, norm first": lambda: Tokens(encoder_layer(norm_first=True, activation="gelu")),
    "own attention": lambda: Tokens(OwnAttention()),
    "norms without shifts": lambda: Tokens(RootMeanSquares()),
    "class token": ClassToken,
    "mixer": Mixer,
    "bottleneck": Bottleneck,
    "taken apart": lambda: nn.Sequential(
        OfFunction(lambda x: torch.cat(torch.unbind(torch.cat(x.unbind(1), 1), 2), 1)),
        nn.Linear(128, CLASSES),
    ),
    "edges": lambda: nn.Sequential(
        nn.ZeroPad2d((1, 0, 2, 1)),
        nn.Conv2d(2, 3, 3, stride=2, padding=1, padding_mode="replicate"),
        nn.Tanh(),
        nn.AvgPool2d(3, stride=2, padding=1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(3, CLASSES),
    ),
}
"""Forwards that are written out."""
