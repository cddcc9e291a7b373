"""Nets as one writes them oneself."""

import torch
from torch import Tensor, nn


def readme() -> nn.Module:
    """The example of the README."""
    return nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 3))


def mlp() -> nn.Module:
    """Two hidden layers over images of 8 x 8 pixels."""
    hidden = (nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU())
    return nn.Sequential(nn.Flatten(), *hidden, nn.Linear(16, 10))


def cnn() -> nn.Module:
    """Two convolutions over images of 8 x 8 pixels."""
    first = (nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
    second = (nn.Conv2d(4, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
    return nn.Sequential(*first, *second, nn.Flatten(), nn.Linear(32, 10))


def mlp_with_batch_norms() -> nn.Module:
    """The same, normalised over the batch."""
    return nn.Sequential(
        *(nn.Flatten(), nn.Linear(64, 16), nn.BatchNorm1d(16), nn.ReLU()),
        *(nn.Linear(16, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 10)),
    )


def cnn_with_batch_norms() -> nn.Module:
    """Two convolutions, normalised over the batch."""
    first = (nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2))
    second = (nn.Conv2d(4, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2))
    return nn.Sequential(*first, *second, nn.Flatten(), nn.Linear(32, 10))


def mlp_with_rms_norms() -> nn.Module:
    """Two hidden layers, normalised by their root mean squares."""
    return nn.Sequential(
        *(nn.Flatten(), nn.Linear(64, 16), nn.RMSNorm(16), nn.ReLU()),
        *(nn.Linear(16, 16), nn.RMSNorm(16), nn.ReLU(), nn.Linear(16, 10)),
    )


class Transformer(nn.Module):
    """Torch's block over the rows of an image of 8 x 8 pixels."""

    def __init__(self) -> None:
        """Make the layers."""
        super().__init__()
        self.embed = nn.Linear(8, 16)
        self.positions = nn.Parameter(0.1 * torch.randn(1, 8, 16))
        self.block = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
        self.head = nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Logits [batch, 10] of images [batch, 1, 8, 8]."""
        rows = self.embed(x.squeeze(1)) + self.positions
        logits: Tensor = self.head(self.block(rows).mean(dim=1))
        return logits
