"""The function that makes a user's nets: what it must make, and make anew at each call."""

from typing import Final
from warnings import warn

import numpy as np
import torch
from torch import Tensor, nn

from emc.data.labelling import Drawable
from emc.engine.examination import examine_training
from emc.engine.fresh import check_logits, fresh
from emc.engine.plugin_optimizer import Made
from emc.engine.procedure import Procedure
from emc.errors import EmcError, one_line, shown, with_kind
from emc.nets.factory import check_answers, check_fresh
from emc.nets.noise import seeded

_MANY: Final = 128
"""Rows that a net has to take at once, where there are so many: accuracies are counted on more."""


def check_nets(procedure: Procedure, samples: Drawable, smallest: int, device: str) -> int:
    """Try two nets of a procedure's factory on the first of the samples.

    `smallest` is the smallest n that will be tried, `device` where.

    Returns:
        The number of trainable parameters.

    Raises:
        EmcError: the factory makes no nets, its nets share numbers or differ in structure, or one
            of them cannot train.
    """
    try:
        net = _checked(procedure, samples, smallest, device)
    except EmcError as error:
        raise EmcError(f"model: {error}") from error.__cause__
    _try_step(net, procedure)
    return sum(weight.numel() for weight in net.parameters() if weight.requires_grad)


def _checked(procedure: Procedure, samples: Drawable, smallest: int, device: str) -> nn.Module:
    """A net that passed, with the gradient of a batch."""
    first, second = _made(procedure, 0), _made(procedure, 1)
    check_fresh(first, second)
    alike = _start_alike(first, second)
    rows = smallest if procedure.batch is None else min(procedure.batch, smallest)
    sizes = (2, rows, _MANY)
    two, least, many = (
        torch.from_numpy(samples.inputs(np.arange(min(n, samples.n)))).to(device) for n in sizes
    )
    with seeded(0, device):
        check_logits(first.to(device), two, procedure.classes)
        check_logits(first, many, procedure.classes)
        _try_smallest(second.to(device), least, procedure, smallest)
        check_answers(first, two)
    if unused := [name for name, each in second.named_parameters() if _is_unused(each)]:
        _warn(
            f"{', '.join(map(repr, unused[:3]))}{' ...' if unused[3:] else ''} took no part in the"
            " logits: numbers per parameter count what is never trained"
        )
    if alike:
        _warn(
            "every call gives the same initial weights: probes are only independent if the function"
            " draws them, and leaves torch.manual_seed alone"
        )
    if procedure.loss == "cross-entropy" and _gives_shares(first, two):
        _warn(
            "its outputs are positive and sum to 1, as those of a softmax: cross-entropy takes"
            " logits, and has a softmax of its own"
        )
    return second


def _is_unused(weight: nn.Parameter) -> bool:
    """Whether a gradient that was taken has left it out."""
    return weight.requires_grad and weight.grad is None


def _start_alike(first: nn.Module, second: nn.Module) -> bool:
    """Whether nets of two seeds have the same weights, though not the same number everywhere."""
    pairs = list(zip(first.parameters(), second.parameters(), strict=True))
    drawn = any(bool((one != one.flatten()[0]).any()) for one, _ in pairs if one.numel())
    return drawn and all(torch.equal(one, other) for one, other in pairs)


def _gives_shares(net: nn.Module, x: Tensor) -> bool:
    with torch.no_grad():
        rows: Tensor = net.eval()(x)
    sums = rows.sum(dim=1)
    return bool((rows >= 0).all()) and torch.allclose(sums, torch.ones_like(sums))


def _warn(text: str) -> None:
    """Warn where `emc.measure` is called of what may be meant, but seldom is."""
    warn(f"model: {text}", stacklevel=5)


def _try_step(net: nn.Module, procedure: Procedure) -> None:
    """Step once by an optimizer that a user's function makes, along the gradient that is there."""
    if not isinstance(procedure.optimizer, Made):
        return
    weights = [weight for weight in net.parameters() if weight.requires_grad]
    optimizer = procedure.optimizer.reference(weights, 1e-3, frozenset())
    try:
        optimizer.step()
    except Exception as error:
        raise EmcError(
            f"optimizer: {procedure.update.name} cannot step: {with_kind(error)}"
        ) from error


def _made(procedure: Procedure, seed: int) -> nn.Module:
    model = procedure.module
    if isinstance(model, nn.Module) or not callable(model):
        raise EmcError(f"expected a function that makes a fresh net, found {shown(model)}")
    try:
        return fresh(procedure, seed)
    except EmcError:
        raise
    except Exception as error:
        raise EmcError(
            f"it fails when it is called as model(): {type(error).__name__}: {one_line(error)}"
        ) from error


def _try_smallest(net: nn.Module, x: Tensor, procedure: Procedure, smallest: int) -> None:
    """Train on x, as few rows as the search may ask for."""
    try:
        examine_training(net, x, procedure.classes)
    except EmcError as error:
        batch = "all samples" if procedure.batch is None else procedure.batch
        raise EmcError(
            f"{error} (tried on {len(x)} of the samples, the smallest step: batch {batch}, smallest"
            f" {smallest})"
        ) from error.__cause__
