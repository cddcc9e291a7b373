"""A copy of a module that certificates may call and change: one mode, one precision, one device."""

from copy import deepcopy

import torch
from torch import Tensor, nn

from emc.errors import EmcError, one_line
from emc.nets.inspection import BATCH_NORMS, INSTANCE_NORMS, Structure, structure, unusable


def copied(module: nn.Module, dtype: torch.dtype, device: str, *, training: bool) -> nn.Module:
    """A copy in evaluation or training mode, whose parameters are constants.

    Tensors that a layer keeps as plain attributes (a pruned weight, say) are taken along. In
    training mode layers normalise by the batch and keep no running statistics.

    Raises:
        EmcError: a net without shapes or values yet, scripted or wrapped, of complex numbers, or
            that cannot be copied.
    """
    held = structure(module)
    _check(held, module)
    try:
        copy = deepcopy(module, _values_of_results(module)).to(device, dtype)
        copy.train(training).requires_grad_(False)
    except Exception as error:
        raise EmcError(
            f"{held.kind} cannot be copied as a constant to {device}: {one_line(error)}"
        ) from error
    for layer in copy.modules():
        _take_along(layer, dtype, device)
    if training:
        _forget_statistics(copy)
    return copy


def _check(held: Structure, module: nn.Module) -> None:
    if held.lazy:
        raise EmcError(
            f"{held.kind}: {held.lazy[0]!r} belongs to a lazy layer, whose shape is not known yet:"
            " run a batch through the net first"
        )
    if why := unusable(module):
        raise EmcError(f"{held.kind}: {why}")
    for name, dtype in held.dtypes.items():
        if dtype.is_complex:
            raise EmcError(f"{held.kind}: {name!r}: expected real numbers, found {dtype}")
    if len(held.frozen) == sum(1 for _ in module.parameters()):
        raise EmcError(f"{held.kind}: expected a parameter that requires a gradient, found none")


def _values_of_results(module: nn.Module) -> dict[int, Tensor]:
    """By id, what stands for tensors that were computed, which torch does not copy."""
    return {
        id(value): value.detach().clone()
        for layer in module.modules()
        for value in vars(layer).values()
        if isinstance(value, Tensor) and not value.is_leaf
    }


def _take_along(layer: nn.Module, dtype: torch.dtype, device: str) -> None:
    for name, value in list(vars(layer).items()):
        if isinstance(value, Tensor):
            moved = value.detach().to(device)
            setattr(layer, name, moved.to(dtype) if moved.is_floating_point() else moved)


def _forget_statistics(copy: nn.Module) -> None:
    for layer in copy.modules():
        if isinstance(layer, (*BATCH_NORMS, *INSTANCE_NORMS)):
            layer.track_running_stats = False
            layer.running_mean = layer.running_var = layer.num_batches_tracked = None
