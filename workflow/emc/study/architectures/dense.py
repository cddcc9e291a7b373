"""Nets of dense layers."""

from itertools import pairwise
from math import prod
from typing import Literal

from emc.study.architectures.family import Family, Matrix, Scaled, Shape
from emc.study.strict import Depth


class Linear(Family):
    """One dense layer from the flattened input to the logits."""

    name: Literal["linear"]
    bias: bool = True
    """Whether each logit has a bias."""

    def parameters(self, shape: Shape, classes: int) -> int:
        """Number of trainable parameters for inputs of `shape`."""
        return (prod(shape) + self.bias) * classes

    def matrices(self, shape: Shape, classes: int) -> list[Matrix]:
        """Its only weight."""
        return [(classes, prod(shape))]

    def unsuitable(self, shape: Shape) -> str | None:  # noqa: ARG002
        """None: the net takes inputs of any shape."""
        return None


class Mlp(Scaled):
    """`depth` hidden layers of `width` units between the flattened input and the logits."""

    name: Literal["mlp"]
    depth: Depth = 2
    """Hidden layers."""

    def parameters(self, shape: Shape, classes: int) -> int:
        """Number of trainable parameters for inputs of `shape`."""
        assert self.width is not None
        hidden = (self.depth - 1) * (self.width + 1) * self.width
        return (prod(shape) + 1) * self.width + hidden + (self.width + 1) * classes

    def matrices(self, shape: Shape, classes: int) -> list[Matrix]:
        """Weights of all layers."""
        assert self.width is not None
        units = [prod(shape), *[self.width] * self.depth, classes]
        return [(after, before) for before, after in pairwise(units)]

    def unsuitable(self, shape: Shape) -> str | None:  # noqa: ARG002
        """None: the net takes inputs of any shape."""
        return None
