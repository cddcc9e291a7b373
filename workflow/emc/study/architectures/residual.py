"""What the published convolutional families have in common: stems, norms and a shrinking image."""

from typing import ClassVar, Literal

from emc.study.architectures.family import Multiplied, Shape


class Residual(Multiplied):
    """Convolutional stages that halve the image, its average over pixels, one dense layer."""

    own_initialisation: ClassVar[bool] = True

    normalisation: Literal["group", "batch"] = "group"
    """After each convolution. `group`: each sample's channels in as many equal groups as have 16
    channels or more; `batch`: over the batch, as published, which replicas cannot share."""
    stem: Literal["small", "large"] = "small"
    """`large`: the published first layer, which shrinks the image; `small`: one of 3x3 that
    keeps small images as they are."""

    @property
    def halvings(self) -> int:
        """How many times the image is halved."""
        raise NotImplementedError

    def unsuitable(self, shape: Shape) -> str | None:
        """Why the net cannot take inputs of `shape`, or None."""
        if found := self.unsuitable_images(shape):
            return found
        if min(shape[1:]) >> self.halvings < 1:
            hint = " or the small stem" if self.stem == "large" else ""
            return (
                f"{self.halvings} halvings leave nothing of {shape[1]}x{shape[2]} pixels:"
                f" expected sides of {2**self.halvings} or more{hint}"
            )
        return None
