"""Random linear maps from few numbers to many, drawn from torch's generator.

Every column of a map has length one, exactly or nearly, so that a step among the few numbers is
nearly as long among the many.
"""

from collections.abc import Callable, Mapping, Sequence
from math import ceil, isqrt
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional


class DenseProjection(nn.Module):
    """Independent Gaussian columns of length one (Li et al. 2018, section 2)."""

    def __init__(self, few: int, weights: Sequence[Tensor]) -> None:
        """Draw the map to all numbers of `weights`."""
        super().__init__()
        matrix = torch.randn(_numbers(weights), few)
        self.register_buffer("matrix", matrix / matrix.norm(dim=0))

    def forward(self, z: Tensor) -> Tensor:
        """[few] to [many]."""
        return self.get_buffer("matrix") @ z


class Kronecker(nn.Module):
    """The first rows and columns of a Kronecker product of Gaussian matrices.

    The factors have the roots of the product's sides, rounded up (Lotfi et al. 2022, section 4).
    """

    def __init__(self, few: int, weights: Sequence[Tensor]) -> None:
        """Draw the map to all numbers of `weights`."""
        super().__init__()
        self._many = _numbers(weights)
        self._few = _sides(few)
        for name, rows, columns in zip("ab", _sides(self._many), self._few, strict=True):
            factor = torch.randn(rows, columns)
            self.register_buffer(name, factor / factor.norm(dim=0))

    def forward(self, z: Tensor) -> Tensor:
        """[few] to [many]."""
        rows, columns = self._few
        square = functional.pad(z, (0, rows * columns - len(z))).reshape(rows, columns)
        product = self.get_buffer("a") @ square @ self.get_buffer("b").T
        return product.flatten()[: self._many]


class Fastfood(nn.Module):
    """Blocks of H G P H B, stacked until they have enough rows (Le et al. 2013).

    H is the Walsh-Hadamard transform of the least power of two that takes all columns, G a
    Gaussian diagonal, P a permutation and B one of signs.
    """

    def __init__(self, few: int, weights: Sequence[Tensor]) -> None:
        """Draw the map to all numbers of `weights`."""
        super().__init__()
        self._many = _numbers(weights)
        self._side = 1 << (few - 1).bit_length()
        blocks = ceil(self._many / self._side)
        shape = (blocks, self._side)
        gains = torch.randn(shape)
        self.register_buffer("signs", torch.randint(2, shape) * 2.0 - 1)
        self.register_buffer("order", torch.rand(shape).argsort(1))
        # A column of H G P H B has squared length side * sum(G^2), whatever P and B.
        self.register_buffer("gains", gains / (gains.norm() * self._side**0.5))

    def forward(self, z: Tensor) -> Tensor:
        """[few] to [many]."""
        padded = functional.pad(z, (0, self._side - len(z)))
        mixed = walsh_hadamard(padded * self.get_buffer("signs"))
        mixed = mixed.gather(1, self.get_buffer("order")) * self.get_buffer("gains")
        return walsh_hadamard(mixed).flatten()[: self._many]


class Film(nn.Module):
    """Half of the numbers steer channels, the others all weights by a `Kronecker` map.

    Channels are steered by a factor for each first index of a weight with two dimensions or more,
    which moves these weights along themselves (Perez et al. 2018), and one for each number of a
    vector: a bias, or the scale or shift of a norm. Where there are more factors than half of the
    numbers, these move them by a `Kronecker` map.
    """

    def __init__(self, few: int, weights: Sequence[Tensor]) -> None:
        """Draw the map to all numbers of `weights`, which are the initial ones."""
        super().__init__()
        channels = [len(weight) if weight.ndim > 1 else weight.numel() for weight in weights]
        factors = sum(channels)
        self._steering = min(few // 2, factors)
        factor = torch.arange(factors)
        lengths = torch.tensor(
            [w.numel() // c for w, c in zip(weights, channels, strict=True) for _ in range(c)]
        )
        self.register_buffer("factor", factor.repeat_interleave(lengths))
        self.register_buffer("direction", torch.cat([_channels(weight) for weight in weights]))
        full = self._steering == factors
        self.steer = nn.Identity() if full else Kronecker(self._steering, [factor])
        self.rest = Kronecker(few - self._steering, weights)

    def forward(self, z: Tensor) -> Tensor:
        """[few] to [many]."""
        factors = self.steer(z[: self._steering])
        steered = factors.gather(0, self.get_buffer("factor")) * self.get_buffer("direction")
        moved: Tensor = steered + self.rest(z[self._steering :])
        return moved


PROJECTIONS: Final[Mapping[str, Callable[[int, Sequence[Tensor]], nn.Module]]] = {
    "dense": DenseProjection,
    "kronecker": Kronecker,
    "film": Film,
    "fastfood": Fastfood,
}
"""Maps by the name that a study gives them."""


def walsh_hadamard(x: Tensor) -> Tensor:
    """The last axis times the Hadamard matrix of its length, a power of two, in natural order."""
    length, half = x.shape[-1], 1
    while half < length:
        pairs = x.reshape(*x.shape[:-1], -1, 2, half)
        first, second = pairs[..., 0, :], pairs[..., 1, :]
        x = torch.stack([first + second, first - second], dim=-2).flatten(-3)
        half *= 2
    return x


def _numbers(weights: Sequence[Tensor]) -> int:
    return sum(weight.numel() for weight in weights)


def _sides(length: int) -> tuple[int, int]:
    """Two nearly equal sides whose product is not below `length`."""
    root = isqrt(length - 1) + 1
    return root, ceil(length / root)


def _channels(weight: Tensor) -> Tensor:
    """Directions of a weight's factors, each of length one, flat: where it is zero, all alike."""
    if weight.ndim < 2:
        return torch.ones(weight.numel())
    rows = weight.detach().flatten(1)
    length = rows.norm(dim=1, keepdim=True)
    alike = torch.full_like(rows, rows.shape[1] ** -0.5)
    return torch.where(length > 0, rows / length, alike).flatten()
