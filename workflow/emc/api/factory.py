"""The function that makes a user's nets: what it must make, and make anew at each call."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from emc.api.shown import shown
from emc.engine.fresh import check_logits, fresh
from emc.engine.procedure import Procedure
from emc.engine.trial import try_training
from emc.errors import EmcError, one_line


def check_nets(procedure: Procedure, inputs: np.ndarray, smallest: int, device: str) -> int:
    """Try two nets of a procedure's factory on the first of the inputs, float32 [N, *shape].

    `smallest` is the smallest n that will be tried, `device` where.

    Returns:
        The number of trainable parameters.

    Raises:
        EmcError: the factory makes no nets, its nets share numbers or differ in structure, or one
            of them cannot train.
    """
    try:
        return _checked(procedure, inputs, smallest, device)
    except EmcError as error:
        raise EmcError(f"model: {error}") from error.__cause__


def _checked(procedure: Procedure, inputs: np.ndarray, smallest: int, device: str) -> int:
    first, second = _made(procedure, 0), _made(procedure, 1)
    _refuse_shared(first, second)
    _refuse_different(first, second)
    rows = smallest if procedure.batch is None else min(procedure.batch, smallest)
    two, least = (torch.from_numpy(inputs[:n].copy()).to(device) for n in (2, rows))
    check_logits(first.to(device), two, procedure.classes)
    _try_smallest(second.to(device), least, procedure, smallest)
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
        try_training(net, x, procedure.classes)
    except EmcError as error:
        batch = "all samples" if procedure.batch is None else procedure.batch
        raise EmcError(
            f"{error} (tried on the {len(x)} samples of the smallest step: batch {batch}, smallest"
            f" {smallest})"
        ) from error.__cause__


def _refuse_shared(first: nn.Module, second: nn.Module) -> None:
    if first is second:
        raise EmcError(
            f"a fresh net at each call is wanted, found the same {type(first).__name__}"
            " twice, which would go on from trained weights: build it inside the function"
        )
    held, again = _places(first), _places(second)
    if shared := [(name, held[place]) for place, name in again.items() if place in held]:
        name, other = shared[0]
        raise EmcError(
            f"a fresh net at each call is wanted, found {name!r} of the second in the memory of"
            f" {other!r} of the first: build every layer inside the function"
        )


def _refuse_different(first: nn.Module, second: nn.Module) -> None:
    one, other = _structure(first), _structure(second)
    for name in (*one, *other):
        if one.get(name) != other.get(name):
            raise EmcError(
                f"nets of one structure are wanted, found {name!r}"
                f" {one.get(name, 'absent')} at the first call and"
                f" {other.get(name, 'absent')} at the second"
            )


def _numbers(net: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from net.named_parameters()
    yield from net.named_buffers()


def _places(net: nn.Module) -> dict[int, str]:
    """Where in memory the parameters and buffers lie that have values, by address."""
    places = ((tensor.untyped_storage().data_ptr(), name) for name, tensor in _numbers(net))
    return {address: name for address, name in places if address}


def _structure(net: nn.Module) -> dict[str, str]:
    """Of each parameter and buffer, what two nets of one kind have in common."""
    return {
        name: f"{'trained' if tensor.requires_grad else 'fixed'} of shape {tuple(tensor.shape)}"
        for name, tensor in _numbers(net)
    }
