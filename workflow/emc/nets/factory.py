"""What a user's function that makes nets must make, as an argument and as a plug-in."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from emc.errors import EmcError, one_line
from emc.nets.inspection import REMEMBERS, Behaviour, behaviour, shared, structure, unusable


def check_made(net: nn.Module) -> None:
    """See that a net can be trained in float32.

    Raises:
        EmcError: it is lazy, scripted or wrapped, has nothing to train, no values, or numbers of
            another precision.
    """
    found = structure(net)
    if found.lazy:
        raise EmcError(
            f"{found.kind}: {found.lazy[0]!r} belongs to a lazy layer, whose shape is not known"
            " yet: give the layer its input size, or let the factory run a batch through it"
        )
    if why := unusable(net):
        raise EmcError(f"{found.kind}: {why}")
    if not any(parameter.requires_grad for parameter in net.parameters()):
        raise EmcError(f"{found.kind} has no trainable parameters")
    parameters = {name for name, _ in net.named_parameters()}
    for name, dtype in found.dtypes.items():
        exact = dtype == torch.float32 or not (
            dtype.is_floating_point or (dtype.is_complex and name in parameters)
        )
        if not exact:
            raise EmcError(
                f"{found.kind}: expected parameters and buffers in float32, found {name!r} in"
                f" {dtype}: training is in float32 throughout"
            )


def check_fresh(first: nn.Module, second: nn.Module) -> None:
    """See that two nets of two calls have nothing but their structure in common.

    Raises:
        EmcError: they share numbers, or differ in structure.
    """
    if first is second:
        raise EmcError(
            f"expected a fresh net at each call, found the same {type(first).__name__}"
            " twice, which would go on from trained weights: build it inside the function"
        )
    for name, other in shared(first, second).items():
        raise EmcError(
            f"expected a fresh net at each call, found {name!r} of the second in the memory of"
            f" {other!r} of the first: build every layer inside the function"
        )
    one, two = _kinds(first), _kinds(second)
    for name in (*one, *two):
        if one.get(name) != two.get(name):
            raise EmcError(
                f"expected nets of one structure, found {name!r}"
                f" {one.get(name, 'absent')} at the first call and"
                f" {two.get(name, 'absent')} at the second"
            )


def check_answers(net: nn.Module, x: Tensor) -> None:
    """See how a net answers inputs [rows, *shape] in both modes.

    Raises:
        EmcError: it fails, its logits are not float32, it draws in evaluation mode, so that a fit
            is a matter of chance, answers equal inputs otherwise there, or it draws in training
            what no seed of a probe reaches.
    """
    kind = type(net).__name__
    seen = _tried(net, x, training=False)
    if seen.dtype != torch.float32 and seen.dtype.is_floating_point:
        raise EmcError(f"{kind}: expected logits in float32, found {seen.dtype}")
    if seen.draws:
        raise EmcError(
            f"{kind} draws random numbers in evaluation mode, so that a fit is a matter of chance:"
            " give torch.nn.functional.dropout `training=self.training`"
        )
    if seen.remembers:
        raise EmcError(f"{kind} {REMEMBERS}, so that a fit is a matter of chance")
    for generator in _tried(net, x, training=True).draws:
        if generator != "torch":
            raise EmcError(
                f"{kind} draws from the global generator of {generator!r} in training, which no"
                " probe's seed reaches: draw with torch"
            )


def _tried(net: nn.Module, x: Tensor, *, training: bool) -> Behaviour:
    try:
        return behaviour(net, x, training=training)
    except Exception as error:
        mode = "training" if training else "evaluation"
        raise EmcError(f"{type(net).__name__} fails in {mode}: {one_line(error)}") from error


def _kinds(net: nn.Module) -> dict[str, str]:
    """Of each parameter and buffer, what two nets of one kind have in common."""
    return {
        name: f"{'trained' if tensor.requires_grad else 'fixed'} of shape {tuple(tensor.shape)}"
        for name, tensor in _numbers(net)
    }


def _numbers(net: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from net.named_parameters()
    yield from net.named_buffers()
