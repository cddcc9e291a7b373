"""Sizes that all layouts of nets share: mirrors `kernel/block_dense.hpp`."""

from typing import Final

from emc.activations import ACTIVATIONS

FROM_OUTPUT: Final = frozenset(ACTIVATIONS) - {"gelu", "silu"}
"""Activations whose slope is a function of their output, as `kernel/activations.hpp` has it."""


def odd(count: int) -> int:
    """The distance between rows of so many numbers."""
    return count | 1


def dense_size(inputs: int, outputs: int) -> int:
    """Numbers of a dense layer: weights, and biases whether it has any or not."""
    return (inputs + 1) * odd(outputs)


def arrays_of(activation: str) -> int:
    """How many numbers are kept of an output: itself, and it may be a slope."""
    return 1 if activation in FROM_OUTPUT else 2


def word(truth: bool) -> str:
    """A truth in C++."""
    return "true" if truth else "false"
