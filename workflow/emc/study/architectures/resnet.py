"""ResNet (He et al. 2016) as in torchvision, at any width and many depths."""

from typing import Literal, Self

from pydantic import model_validator

from emc.study.architectures.family import Matrix, Shape
from emc.study.architectures.residual import Residual
from emc.study.strict import Depth

STAGES = 4


class ResNet(Residual):
    """Torchvision's ResNet of basic blocks; `width` is the first stage's channels, 64 published.

    Each of the four stages doubles the channels.
    """

    name: Literal["resnet"]
    depth: Depth = 18
    """Layers with weights, as published nets are called: 18 or 34, or any other 2 + 8 k, which
    has k blocks of two layers in each stage; 34 has 3, 4, 6 and 3."""

    @model_validator(mode="after")
    def _depth_makes_blocks(self) -> Self:
        if self.depth < 10 or (self.depth - 2) % 8:
            raise ValueError(f"'depth': expected 10, 18, 26, 34, ... (2 + 8 k), found {self.depth}")
        return self

    @property
    def published_width(self) -> int:
        """The width at which the net is the published one."""
        return 64

    @property
    def blocks(self) -> tuple[int, ...]:
        """Blocks of each stage."""
        return (3, 4, 6, 3) if self.depth == 34 else (self.depth // 8,) * STAGES

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of each stage."""
        assert self.width is not None
        return tuple(self.width << stage for stage in range(STAGES))

    @property
    def halvings(self) -> int:
        """How many times the image is halved."""
        return STAGES - 1 + 2 * (self.stem == "large")

    def parameters(self, shape: Shape, classes: int) -> int:
        """Number of trainable parameters for inputs of `shape`."""
        kernel = 49 if self.stem == "large" else 9
        before = self.channels[0]
        total = (kernel * shape[0] + 2) * before
        for after, blocks in zip(self.channels, self.blocks, strict=True):
            projection = 0 if after == before else (before + 2) * after
            total += 9 * (before + (2 * blocks - 1) * after) * after + 4 * blocks * after
            total += projection
            before = after
        return total + (before + 1) * classes

    def matrices(self, shape: Shape, classes: int) -> list[Matrix]:
        """Weights of all layers."""
        kernel = 49 if self.stem == "large" else 9
        before = self.channels[0]
        found = [(before, kernel * shape[0])]
        for after, blocks in zip(self.channels, self.blocks, strict=True):
            found += [(after, 9 * before), *[(after, 9 * after)] * (2 * blocks - 1)]
            if after != before:
                found.append((after, before))
            before = after
        return [*found, (classes, before)]
