"""Vision transformer (Dosovitskiy et al. 2021) as in torchvision."""

from typing import Literal

from emc.study.architectures.family import Matrix, Shape
from emc.study.architectures.patches import Patches
from emc.study.strict import Count


class Vit(Patches):
    """Torchvision's VisionTransformer; `width` is a token's, a multiple of `heads`.

    The hidden layer of each block's MLP is four times as wide. Only square images.
    """

    name: Literal["vit"]
    heads: Count = 4
    """Attention heads of each block."""

    @property
    def step(self) -> int:
        """Widths are multiples of it."""
        return self.heads

    def parameters(self, shape: Shape, classes: int) -> int:
        """Number of trainable parameters for inputs of `shape`."""
        assert self.width is not None
        width = self.width
        attention = 4 * (width + 1) * width
        mlp = (width + 1) * 4 * width + (4 * width + 1) * width
        block = attention + mlp + 4 * width
        class_token, positions = width, (self.tokens(shape) + 1) * width
        ends = self.embedding(shape) + 2 * width + (width + 1) * classes
        return class_token + positions + self.depth * block + ends

    def matrices(self, shape: Shape, classes: int) -> list[Matrix]:
        """Weights of all layers, the class token and the positions."""
        assert self.width is not None
        width = self.width
        mlp = [(4 * width, width), (width, 4 * width)]
        block = [(3 * width, width), (width, width), *mlp]
        tokens = [(1, width), (1, (self.tokens(shape) + 1) * width)]
        embedding = (width, self.patch**2 * shape[0])
        return [*tokens, embedding, *block * self.depth, (classes, width)]

    def unsuitable(self, shape: Shape) -> str | None:
        """Why the net cannot take inputs of `shape`, or None."""
        if found := super().unsuitable(shape):
            return found
        if shape[1] != shape[2]:
            return f"'vit': expected square images, found {shape[1]}x{shape[2]} pixels"
        return None
