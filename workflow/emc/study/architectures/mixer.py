"""MLP-Mixer (Tolstikhin et al. 2021)."""

from typing import Literal

from emc.study.architectures.family import Matrix, Shape
from emc.study.architectures.patches import Patches


class MlpMixer(Patches):
    """Blocks that mix tokens, then channels; `width` is the channels of a token.

    As published, the hidden layers have half as many units as channels for tokens, and four times
    as many for channels.
    """

    name: Literal["mlp-mixer"]

    @property
    def token_units(self) -> int:
        """Hidden units that mix tokens."""
        assert self.width is not None
        return self.width // 2

    def parameters(self, shape: Shape, classes: int) -> int:
        """Number of trainable parameters for inputs of `shape`."""
        assert self.width is not None
        width, tokens = self.width, self.tokens(shape)
        across_tokens = (2 * tokens + 1) * self.token_units + tokens
        across_channels = 8 * width * width + 5 * width
        block = across_tokens + across_channels + 4 * width
        return self.embedding(shape) + self.depth * block + 2 * width + (width + 1) * classes

    def matrices(self, shape: Shape, classes: int) -> list[Matrix]:
        """Weights of all layers."""
        assert self.width is not None
        width, tokens, units = self.width, self.tokens(shape), self.token_units
        across_tokens = [(units, tokens), (tokens, units)]
        across_channels = [(4 * width, width), (width, 4 * width)]
        embedding = (width, self.patch**2 * shape[0])
        block = [*across_tokens, *across_channels]
        return [embedding, *block * self.depth, (classes, width)]
