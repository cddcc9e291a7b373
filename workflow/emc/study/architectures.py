"""The architectures a study can name, with their closed-form parameter counts."""

from functools import lru_cache
from itertools import pairwise
from math import prod
from typing import Annotated, ClassVar, Literal, Self, TypeVar

from pydantic import BeforeValidator, Field, model_validator

from emc.study.strict import Count, Positive, Strict, named

Shape = tuple[int, ...]


class Linear(Strict):
    """One dense layer from the flattened input to the logits."""

    name: Literal["linear"]
    bias: bool = True
    """Whether each logit has a bias."""

    def parameters(self, shape: Shape, classes: int) -> int:
        """Number of trainable parameters for inputs of `shape`."""
        return (prod(shape) + self.bias) * classes

    def problem(self, _shape: Shape) -> str | None:
        """Why the net cannot take inputs of that shape, or None."""
        return None


class Scaled(Strict):
    """A family of nets that one width scales; `params` asks for the width that comes nearest."""

    narrowest: ClassVar[int] = 1

    width: Count | None = None
    """The number that scales every layer; give this or `params`."""
    params: Positive | None = None
    """Wanted number of trainable parameters: the nearest width is taken."""

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        if (self.width is None) == (self.params is None):
            given = "neither" if self.width is None else "both"
            raise ValueError(f"give either 'width' or 'params', found {given}")
        return self

    def parameters(self, shape: Shape, classes: int) -> int:
        """Number of trainable parameters for inputs of `shape`; the width must be known."""
        raise NotImplementedError


class Mlp(Scaled):
    """`depth` hidden layers of `width` units between the flattened input and the logits."""

    name: Literal["mlp"]
    depth: Count = 2
    """Hidden layers."""

    def parameters(self, shape: Shape, classes: int) -> int:
        """Number of trainable parameters for inputs of `shape`."""
        assert self.width is not None
        hidden = (self.depth - 1) * (self.width + 1) * self.width
        return (prod(shape) + 1) * self.width + hidden + (self.width + 1) * classes

    def problem(self, _shape: Shape) -> str | None:
        """Why the net cannot take inputs of that shape, or None."""
        return None


class Cnn(Scaled):
    """`depth` stages of 3x3 convolution, activation and 2x2 max-pooling, then one dense layer.

    Stage i has `width * 2**i` channels; convolutions are padded by one pixel.
    """

    name: Literal["cnn"]
    depth: Count = 2
    """Stages."""

    def channels(self, shape: Shape) -> list[int]:
        """Channels from the input through every stage."""
        assert self.width is not None
        return [shape[0], *(self.width * 2**stage for stage in range(self.depth))]

    def parameters(self, shape: Shape, classes: int) -> int:
        """Number of trainable parameters for inputs of `shape`."""
        channels = self.channels(shape)
        convolutions = sum((9 * before + 1) * after for before, after in pairwise(channels))
        pixels = prod(side >> self.depth for side in shape[1:])
        return convolutions + (channels[-1] * pixels + 1) * classes

    def problem(self, shape: Shape) -> str | None:
        """Why the net cannot take inputs of `shape`, or None."""
        if len(shape) != 3:
            return f"a cnn wants images (channels, height, width), the data set has {shape}"
        if min(shape[1:]) >> self.depth < 1:
            return f"depth {self.depth} halves {shape[1]}x{shape[2]} pixels to nothing"
        return None


Architecture = Annotated[Linear | Mlp | Cnn, Field(discriminator="name"), BeforeValidator(named)]

Net = TypeVar("Net", bound=Scaled)


def sized(net: Net, shape: Shape, classes: int) -> Net:
    """Put the width whose parameter count comes nearest in the place of `params`.

    Of two widths equally near, the smaller is taken. Counts grow with the width.
    """
    return net if net.params is None else _at(net, _nearest(net, net.params, shape, classes))


@lru_cache(maxsize=1024)
def _nearest(net: Scaled, wanted: float, shape: Shape, classes: int) -> int:
    low, high = net.narrowest, net.narrowest
    while _count(net, high, shape, classes) < wanted:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        below = _count(net, middle, shape, classes) < wanted
        low, high = (middle, high) if below else (low, middle)
    return min((low, high), key=lambda width: (_miss(net, width, wanted, shape, classes), width))


def _miss(net: Scaled, width: int, wanted: float, shape: Shape, classes: int) -> float:
    return abs(_count(net, width, shape, classes) - wanted)


def _at(net: Net, width: int) -> Net:
    return net.model_copy(update={"width": width, "params": None})


def _count(net: Scaled, width: int, shape: Shape, classes: int) -> int:
    return _at(net, width).parameters(shape, classes)
