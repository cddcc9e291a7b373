"""The published study's scaled convolutional net."""

from itertools import pairwise
from math import prod
from typing import Literal

from emc.study.architectures.family import Matrix, Scaled, Shape
from emc.study.strict import Depth


class Cnn(Scaled):
    """`depth` stages of 3x3 convolution, activation and 2x2 max-pooling, then one dense layer.

    Stage i has `width * 2**i` channels; convolutions are padded by one pixel.
    """

    name: Literal["cnn"]
    depth: Depth = 2
    """Stages."""
    normalisation: Literal["none", "group", "batch"] = "none"
    """Between convolution and activation. `group`: each sample's channels in as many equal groups
    as have 16 channels or more; `batch`: over the batch, which replicas cannot share."""

    def channels(self, shape: Shape) -> list[int]:
        """Channels from the input through every stage."""
        assert self.width is not None
        return [shape[0], *(self.width * 2**stage for stage in range(self.depth))]

    def parameters(self, shape: Shape, classes: int) -> int:
        """Number of trainable parameters for inputs of `shape`."""
        channels = self.channels(shape)
        convolutions = sum((9 * before + 1) * after for before, after in pairwise(channels))
        norms = 0 if self.normalisation == "none" else 2 * sum(channels[1:])
        pixels = prod(side >> self.depth for side in shape[1:])
        return convolutions + norms + (channels[-1] * pixels + 1) * classes

    def matrices(self, shape: Shape, classes: int) -> list[Matrix]:
        """Weights of all layers."""
        channels = self.channels(shape)
        pixels = prod(side >> self.depth for side in shape[1:])
        convolutions = [(after, 9 * before) for before, after in pairwise(channels)]
        return [*convolutions, (classes, channels[-1] * pixels)]

    def unsuitable(self, shape: Shape) -> str | None:
        """Why the net cannot take inputs of `shape`, or None."""
        if found := self.unsuitable_images(shape):
            return found
        if min(shape[1:]) >> self.depth < 1:
            return f"depth {self.depth} halves {shape[1]}x{shape[2]} pixels to nothing"
        return None
