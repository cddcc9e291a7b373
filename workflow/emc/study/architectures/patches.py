"""Nets that cut an image into square patches and treat each as a token."""

from math import prod
from typing import ClassVar

from emc.study.architectures.family import Scaled, Shape
from emc.study.strict import Count, Depth


class Patches(Scaled):
    """`depth` blocks over the tokens of an image's patches, each `width` numbers."""

    own_initialisation: ClassVar[bool] = True

    patch: Count = 4
    """Pixels along a side of a patch; it must divide both sides of the image."""
    depth: Depth = 6
    """Blocks."""

    @property
    def narrowest(self) -> int:
        """Two at least: a token of one number would be normalised to zero."""
        return max(2, self.step)

    def tokens(self, shape: Shape) -> int:
        """Number of patches of an image."""
        return prod(side // self.patch for side in shape[1:])

    def embedding(self, shape: Shape) -> int:
        """Number of parameters that make a token of a patch."""
        assert self.width is not None
        return (self.patch**2 * shape[0] + 1) * self.width

    def unsuitable(self, shape: Shape) -> str | None:
        """Why the net cannot take inputs of `shape`, or None."""
        if found := self.unsuitable_images(shape):
            return found
        if any(side % self.patch for side in shape[1:]):
            fitting = [p for p in range(1, min(shape[1:]) + 1) if not any(s % p for s in shape[1:])]
            return (
                f"patch {self.patch} does not divide {shape[1]}x{shape[2]} pixels"
                f" (possible: {', '.join(map(str, fitting))})"
            )
        return None
