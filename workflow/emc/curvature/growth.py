"""Whether the logits grow in proportion to some of a module's weights, without bound."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import torch
from torch import Tensor, nn

from emc.curvature.functional import TensorDict

FACTORS: Final = (2.0, 0.5, 2.0**20)
ROUNDING: Final = 1e-4
"""Logits that differ by less than this part of the largest are equal, in float32 too."""


def growing(
    module: nn.Module, parameters: TensorDict, logits_at: Callable[[TensorDict], Tensor]
) -> str | None:
    """The trained weights, in words, whose multiples multiply the differences between logits.

    Those of one layer with all that it holds, such as a linear head with its bias, or one tensor,
    such as a learnt temperature; the last registered are tried first. `logits_at` gives logits
    [rows, classes] of some rows at other parameters.
    """
    wanted = _differences(logits_at(parameters))
    if not wanted.any():
        return None
    for words, names in _groups(module, list(parameters)):
        if all(
            _close(_differences(logits_at(_scaled(parameters, names, factor))), factor * wanted)
            for factor in FACTORS
        ):
            return words
    return None


def _groups(module: nn.Module, trained: Sequence[str]) -> Iterator[tuple[str, frozenset[str]]]:
    """Sets of trained names with what to call them, each once."""
    told: set[frozenset[str]] = set()
    for prefix, _ in reversed(list(module.named_modules())):
        names = frozenset(
            name for name in trained if name.startswith(f"{prefix}." if prefix else "")
        )
        if names and names not in told:
            told.add(names)
            yield f"the weights of {prefix!r}" if prefix else "all weights", names
    for name in reversed(trained):
        if frozenset({name}) not in told:
            yield f"the weight {name!r}", frozenset({name})


def _scaled(parameters: TensorDict, names: frozenset[str], factor: float) -> TensorDict:
    return {name: value * factor if name in names else value for name, value in parameters.items()}


def _differences(logits: Tensor) -> Tensor:
    return logits - logits.mean(-1, keepdim=True)


def _close(found: Tensor, wanted: Tensor) -> bool:
    return bool(torch.isfinite(found).all()) and bool(
        (found - wanted).abs().max() <= ROUNDING * wanted.abs().max()
    )
