"""Tensors of many replicas as one row each, and back."""

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor

from emc.engine.optimizer import Shapes


def tensors(rows: Tensor, shapes: Shapes) -> list[Tensor]:
    """Views [replicas, *shape] into rows [replicas, parameters]; a number counts as a vector."""
    parts = torch.split(rows, [prod(shape) for shape in shapes], dim=1)
    return [part.view(-1, *(shape or (1,))) for part, shape in zip(parts, shapes, strict=True)]


def rows(parts: Sequence[Tensor]) -> Tensor:
    """The inverse of `tensors`."""
    return torch.cat([part.flatten(1) for part in parts], dim=1)
