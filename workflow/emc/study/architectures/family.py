"""What every family of nets says of itself."""

from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from emc.study.strict import Count, Positive, Strict

Shape = tuple[int, ...]
Matrix = tuple[int, int]
"""Rows and columns of a weight: output channels, and numbers that make one of them."""


class Family(Strict):
    """Nets of one kind."""

    own_initialisation: ClassVar[bool] = False
    """Whether the family starts from weights of its own, whatever the cell's rule."""

    name: str

    def parameters(self, shape: Shape, classes: int) -> int:
        """Number of trainable parameters for inputs of `shape`; the width must be known."""
        raise NotImplementedError

    def matrices(self, shape: Shape, classes: int) -> list[Matrix]:
        """Every trainable weight with two dimensions or more."""
        raise NotImplementedError

    def unsuitable(self, shape: Shape) -> str | None:
        """Why the net cannot take inputs of `shape`, or None."""
        raise NotImplementedError

    def unsuitable_images(self, shape: Shape) -> str | None:
        """Why inputs of `shape` are not images, or None."""
        if len(shape) == 3:
            return None
        return f"{self.name!r}: expected images (channels, height, width), found inputs {shape}"


class Scaled(Family):
    """A family of nets that one width scales; `params` asks for the width that comes nearest."""

    sizes: ClassVar[tuple[str, ...]] = ("width", "params")

    width: Count | None = None
    """The number that scales every layer; give this or `params`."""
    params: Positive | None = None
    """Wanted number of trainable parameters: the nearest width is taken."""

    @property
    def step(self) -> int:
        """Widths are multiples of it."""
        return 1

    @property
    def narrowest(self) -> int:
        """The smallest width."""
        return self.step

    @model_validator(mode="after")
    def _one_possible_size(self) -> Self:
        given = [key for key in self.sizes if getattr(self, key) is not None]
        if len(given) != 1:
            *first, last = map(repr, self.sizes)
            found = " and ".join(map(repr, given)) or "neither"
            raise ValueError(f"expected either {', '.join(first)} or {last}, found {found}")
        if self.width is not None and (self.width % self.step or self.width < self.narrowest):
            raise ValueError(
                f"'width': expected a multiple of {self.step}, at least {self.narrowest},"
                f" found {self.width}"
            )
        return self


class Multiplied(Scaled):
    """A published family whose widths are also told as multiples of the published ones."""

    sizes: ClassVar[tuple[str, ...]] = ("width", "params", "multiplier")

    multiplier: Annotated[Positive, Field(le=1e6)] | None = None
    """The width as a multiple of the published net's; give this, `width` or `params`."""

    @property
    def published_width(self) -> int:
        """The width at which the net is the published one."""
        raise NotImplementedError

    @model_validator(mode="after")
    def _width_for_multiplier(self) -> Self:
        if self.multiplier is not None:
            width = max(1, round(self.multiplier * self.published_width))
            object.__setattr__(self, "width", width)
            object.__setattr__(self, "multiplier", None)
        return self
