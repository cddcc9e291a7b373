"""EfficientNet (Tan and Le 2019) as in torchvision, b0 to b7, at any width."""

from math import ceil
from typing import Final, Literal, NamedTuple

from emc.study.architectures.family import Matrix, Shape
from emc.study.architectures.residual import Residual


class Stage(NamedTuple):
    """Blocks that share their channels; only the first has the stride and the channels before."""

    expansion: int
    kernel: int
    stride: int
    before: int
    after: int
    blocks: int

    def parameters(self) -> int:
        """Number of trainable parameters of all blocks."""
        later = (self.blocks - 1) * self._block(self.after)
        return self._block(self.before) + later

    def matrices(self) -> list[Matrix]:
        """Weights of all blocks."""
        return [*self._weights(self.before), *self._weights(self.after) * (self.blocks - 1)]

    def _weights(self, before: int) -> list[Matrix]:
        inner, squeezed = self.expansion * before, max(1, before // 4)
        expansion = [(inner, before)] if self.expansion > 1 else []
        gate = [(squeezed, inner), (inner, squeezed)]
        return [*expansion, (inner, self.kernel**2), *gate, (self.after, inner)]

    def _block(self, before: int) -> int:
        """Expansion, depthwise convolution, squeeze and excitation, projection; norms of 2."""
        inner, squeezed = self.expansion * before, max(1, before // 4)
        expansion = (before + 2) * inner if self.expansion > 1 else 0
        depthwise = (self.kernel**2 + 2) * inner
        gate = (inner + 1) * squeezed + (squeezed + 1) * inner
        return expansion + depthwise + gate + (inner + 2) * self.after


_B0: Final = (
    Stage(1, 3, 1, 32, 16, 1),
    Stage(6, 3, 2, 16, 24, 2),
    Stage(6, 5, 2, 24, 40, 2),
    Stage(6, 3, 2, 40, 80, 3),
    Stage(6, 5, 1, 80, 112, 3),
    Stage(6, 5, 2, 112, 192, 4),
    Stage(6, 3, 1, 192, 320, 1),
)
"""Table 1 of the publication."""

_VARIANTS: Final = {
    "b0": (1.0, 1.0),
    "b1": (1.0, 1.1),
    "b2": (1.1, 1.2),
    "b3": (1.2, 1.4),
    "b4": (1.4, 1.8),
    "b5": (1.6, 2.2),
    "b6": (1.8, 2.6),
    "b7": (2.0, 3.1),
}
"""Published multipliers of width and depth."""


class EfficientNet(Residual):
    """Torchvision's EfficientNet; `width` is the stem's channels, 32 (b0) to 64 (b7) published.

    Other widths scale all channels alike, to the nearest whole number. There is neither dropout
    nor stochastic depth: every step of a probe trains the same net.
    """

    name: Literal["efficientnet"]
    variant: Literal["b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7"] = "b0"
    """Which published net: its depth, and the proportions of its channels."""

    @property
    def published_width(self) -> int:
        """The width at which the net is the published one."""
        return self._published(_B0[0].before)

    @property
    def depth(self) -> int:
        """Number of blocks."""
        return sum(stage.blocks for stage in self.stages)

    @property
    def halvings(self) -> int:
        """How many times the image is halved."""
        return sum(stage.stride == 2 for stage in _B0) + (self.stem == "large")

    @property
    def stages(self) -> tuple[Stage, ...]:
        """All stages at this width; without one, at the published width."""
        deepening = _VARIANTS[self.variant][1]
        return tuple(
            stage._replace(
                before=self._channels(stage.before),
                after=self._channels(stage.after),
                blocks=ceil(stage.blocks * deepening),
            )
            for stage in _B0
        )

    def parameters(self, shape: Shape, classes: int) -> int:
        """Number of trainable parameters for inputs of `shape`."""
        stages = self.stages
        first, last = stages[0].before, stages[-1].after
        stem = (9 * shape[0] + 2) * first
        head = (last + 2) * 4 * last + (4 * last + 1) * classes
        return stem + sum(stage.parameters() for stage in stages) + head

    def matrices(self, shape: Shape, classes: int) -> list[Matrix]:
        """Weights of all layers."""
        stages = self.stages
        first, last = stages[0].before, stages[-1].after
        blocks = [matrix for stage in stages for matrix in stage.matrices()]
        return [(first, 9 * shape[0]), *blocks, (4 * last, last), (classes, 4 * last)]

    def _channels(self, of_b0: int) -> int:
        whole = self.published_width
        width = whole if self.width is None else self.width
        return max(1, (2 * self._published(of_b0) * width + whole) // (2 * whole))

    def _published(self, of_b0: int) -> int:
        """The variant's channels: the nearest multiple of 8 that is not a tenth too small."""
        wanted = of_b0 * _VARIANTS[self.variant][0]
        nearest = max(8, int(wanted + 4) // 8 * 8)
        return nearest if nearest >= 0.9 * wanted else nearest + 8
