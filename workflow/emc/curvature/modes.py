"""A net that trains in another mode than it is examined in: what its certificate says of that.

What is certified is the loss in evaluation mode, in which fits are counted too: with the running
statistics of batch normalisation, and without dropout. Where training minimised something else, a
minimum of that need be none of this loss, and the certificate says so.
"""

from dataclasses import replace
from itertools import pairwise
from math import ceil
from typing import Final, TypeVar

import numpy as np
import torch

from emc.curvature.autograd import AutogradOperator
from emc.curvature.evidence import Evidence
from emc.errors import EmcError
from emc.nets.inspection import behaviour

BATCH: Final = 512
"""Most samples that are normalised together for the gradient in training mode."""
ROUNDING: Final = 1e-4
"""Logits that differ by less than this part of the largest are equal."""

Found = TypeVar("Found", bound=Evidence)


def with_mode(evidence: Found, operator: AutogradOperator) -> Found:
    """The evidence, whose reason says what was certified where the net's modes differ."""
    remark = _remark(operator)
    return replace(evidence, reason=f"{evidence.reason} {remark}") if remark else evidence


def _remark(operator: AutogradOperator) -> str | None:
    if operator.net.training:
        return "This is the loss in training mode, with all samples in one batch."
    certified = "This is the loss in evaluation mode; in training mode"
    if _draws(operator):
        return f"{certified} the net draws random numbers, and its loss is another."
    try:
        if not _differs(operator):
            return None
        norm = _gradient_norm_in_training(operator)
    except EmcError as error:
        return f"{certified} it could not be evaluated: {error}"
    return (
        f"{certified}, with {_batches(operator.samples)}, it is another, and its gradient norm is"
        f" {norm:.2g}."
    )


def _draws(operator: AutogradOperator) -> bool:
    """Whether the net draws random numbers in training mode."""
    try:
        with operator.net.arithmetic():
            return bool(behaviour(operator.net.module, operator.few, training=True).draws)
    except Exception:
        return False


def _differs(operator: AutogradOperator) -> bool:
    """Whether a few rows have other logits in training mode."""
    here, there = operator.few_logits(), operator.in_training(slice(None)).few_logits()
    scale = ROUNDING * float(here.abs().max())
    return not torch.allclose(here, there, rtol=0.0, atol=scale, equal_nan=True)


def _gradient_norm_in_training(operator: AutogradOperator) -> float:
    edges = np.linspace(0, operator.samples, ceil(operator.samples / BATCH) + 1).astype(int)
    parts = [slice(*ends) for ends in pairwise(edges)]
    gradient = sum(
        (part.stop - part.start)
        / operator.samples
        * operator.in_training(part).first_order().gradient
        for part in parts
    )
    return float(np.linalg.norm(gradient))


def _batches(samples: int) -> str:
    return "all samples in one batch" if samples <= BATCH else f"batches of at most {BATCH} samples"
