"""The activations a study can name, and what is known of them without torch.

As functions of torch they are in `emc.nets.activation`, in the kernels in `activations.hpp`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np


class Bent(NamedTuple):
    """An activation's value and derivatives; `second` is None where it is zero everywhere.

    At a kink (ReLU at zero) the derivatives are those from the left, as in torch.
    """

    value: np.ndarray
    first: np.ndarray
    second: np.ndarray | None

    def at(self, indices: np.ndarray) -> "Bent":
        """The same at some elements only, given by flat indices."""
        second = None if self.second is None else self.second.take(indices)
        return Bent(self.value.take(indices), self.first.take(indices), second)


def _relu(z: np.ndarray) -> Bent:
    first = (z > 0).astype(z.dtype)
    return Bent(z * first, first, None)


def _leaky_relu(z: np.ndarray) -> Bent:
    first = np.where(z > 0, 1, 0.01).astype(z.dtype)
    return Bent(z * first, first, None)


def _identity(z: np.ndarray) -> Bent:
    return Bent(z, np.ones_like(z), None)


def _tanh(z: np.ndarray) -> Bent:
    value = np.tanh(z)
    first = 1 - value * value
    return Bent(value, first, -2 * value * first)


def _sigmoid(z: np.ndarray) -> Bent:
    value = _logistic(z)
    first = value * (1 - value)
    return Bent(value, first, first * (1 - 2 * value))


def _silu(z: np.ndarray) -> Bent:
    s = _logistic(z)
    slope = s * (1 - s)
    return Bent(z * s, s + z * slope, slope * (2 + z * (1 - 2 * s)))


def _gelu(z: np.ndarray) -> Bent:
    from scipy.special import ndtr  # here only, for its import takes longer than a certificate

    below = ndtr(z)
    density = np.exp(-z * z / 2) / np.sqrt(2 * np.pi).astype(z.dtype)
    return Bent(z * below, below + z * density, density * (2 - z * z))


def _logistic(z: np.ndarray) -> np.ndarray:
    small = np.exp(-abs(z))
    value: np.ndarray = np.where(z >= 0, 1, small) / (1 + small)
    return value


@dataclass(frozen=True, slots=True)
class Activation:
    """An element-wise function.

    Attributes:
        bent: the function with its first two derivatives, of an array of any shape and dtype.
        gain: the standard deviation of a weight before it, times sqrt(fan_in), as
            `torch.nn.init.calculate_gain` has it.
        jump: by how much the derivative jumps at zero; 0 for a smooth function.
        rises: whether a larger input never gives a smaller output, so that it may change places
            with a maximum.
    """

    bent: Callable[[np.ndarray], Bent]
    gain: float
    jump: float = 0.0
    rises: bool = True

    def rounded(self, z: np.ndarray, width: float) -> Bent:
        """The function with its kink at zero rounded off over a width, in the units of z.

        In place of max(0, z) it has (z + sqrt(z^2 + width^2)) / 2 (Chen and Harker 1993, "A
        non-interior-point continuation method for linear complementarity problems"), which tends
        to it with the width, and lies width / 2 above it at zero.
        """
        if not self.jump or not width:
            return self.bent(z)
        root = np.sqrt(z * z + width * width)
        below, half = 1 - self.jump, self.jump / 2
        return Bent(
            below * z + half * (z + root),
            below + half * (1 + z / root),
            half * (width / root) ** 2 / root,
        )


ACTIVATIONS: Final[Mapping[str, Activation]] = {
    "relu": Activation(_relu, gain=2.0**0.5, jump=1.0),
    "leaky-relu": Activation(_leaky_relu, gain=(2.0 / (1.0 + 0.01**2)) ** 0.5, jump=0.99),
    "gelu": Activation(_gelu, gain=2.0**0.5, rises=False),
    "silu": Activation(_silu, gain=2.0**0.5, rises=False),
    "tanh": Activation(_tanh, gain=5.0 / 3.0),
    "sigmoid": Activation(_sigmoid, gain=1.0),
    "identity": Activation(_identity, gain=1.0),
}
"""Activations by name; kernels have them in `native/kernel/activations.hpp`."""
