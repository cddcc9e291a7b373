"""The function that makes a user's nets: what it must make, and make anew at each call."""

import numpy as np
import torch
from torch import Tensor, nn

from emc.api.shown import shown
from emc.data.labelling import Drawable
from emc.engine.examination import examine_training
from emc.engine.fresh import check_logits, fresh
from emc.engine.procedure import Procedure
from emc.errors import EmcError, one_line
from emc.nets.factory import check_answers, check_fresh
from emc.nets.noise import seeded


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
        return _checked(procedure, samples, smallest, device)
    except EmcError as error:
        raise EmcError(f"model: {error}") from error.__cause__


def _checked(procedure: Procedure, samples: Drawable, smallest: int, device: str) -> int:
    first, second = _made(procedure, 0), _made(procedure, 1)
    check_fresh(first, second)
    rows = smallest if procedure.batch is None else min(procedure.batch, smallest)
    two, least = (
        torch.from_numpy(samples.inputs(np.arange(min(n, samples.n)))).to(device) for n in (2, rows)
    )
    with seeded(0, device):
        check_logits(first.to(device), two, procedure.classes)
        _try_smallest(second.to(device), least, procedure, smallest)
        check_answers(first, two)
    return sum(weight.numel() for weight in first.parameters() if weight.requires_grad)


def _made(procedure: Procedure, seed: int) -> nn.Module:
    model = procedure.module
    if isinstance(model, nn.Module) or not callable(model):
        raise EmcError(f"a function that makes a fresh net is wanted, found {shown(model)}")
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
            f"{error} (tried on the {len(x)} samples of the smallest step: batch {batch}, smallest"
            f" {smallest})"
        ) from error.__cause__
