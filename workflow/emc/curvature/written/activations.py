"""Activations with their first two derivatives, in numpy."""

from collections.abc import Callable
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


def activation(name: str, z: np.ndarray) -> Bent:
    """Value and derivatives of the activation called `name` at `z`, element by element."""
    return _BENT[name](z)


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


_BENT: Final[dict[str, Callable[[np.ndarray], Bent]]] = {
    "relu": _relu,
    "leaky-relu": _leaky_relu,
    "gelu": _gelu,
    "silu": _silu,
    "tanh": _tanh,
    "sigmoid": _sigmoid,
    "identity": _identity,
}
