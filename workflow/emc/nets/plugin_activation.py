"""Activations that a plug-in registers."""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from numbers import Real
from typing import TYPE_CHECKING

from emc.activations import ACTIVATIONS
from emc.errors import EmcError
from emc.study.plugins import Function, Registered, blaming, register

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Details:
    """What the program knows of a plug-in's activation."""

    gain: float
    check: Callable[[Registered], None]


def activation(name: str, *, gain: float = 1.0) -> Callable[[Function], Function]:
    """Register a function of a tensor as the activation `name` of the studies that name its file.

    It is called with float32 (and, for certificates, float64) tensors of any shape and gives a
    tensor of the same shape, each number from the number in its place. `gain` is the standard
    deviation of a weight before it times sqrt(fan_in), as `torch.nn.init.calculate_gain` has it,
    for the initialisation `scaled-normal`.

    Raises:
        EmcError: a name that is none or is taken, or a function of anything but `x`.
    """
    if name in ACTIVATIONS:
        raise EmcError(f"activation {name!r} comes with the program: choose another name")
    if not isinstance(gain, Real) or isinstance(gain, bool) or not 0 < gain < inf:
        raise EmcError(f"activation {name!r}: gain: expected a number above 0, found {gain!r}")
    return register("activation", name, ("x",), Details(float(gain), _check))


def _check(registered: Registered) -> None:
    """Try the function, with its gradient.

    Raises:
        EmcError: it fails, does not keep the shape, or is no function of each number by itself that
            is finite and has a gradient.
    """
    import torch

    x = torch.linspace(-3, 3, 6).reshape(2, 3).requires_grad_()
    with blaming(registered.plugin.file, registered.line):
        y = registered.function(x * 1)
    what = f"{registered.place}: activation {registered.name!r}"
    found = tuple(y.shape) if isinstance(y, torch.Tensor) else type(y).__name__
    if found != (2, 3):
        raise EmcError(f"{what}: expected shape (2, 3) as of its input, found {found}")
    given, answers = x.detach(), y.detach()
    if (odd := ~answers.isfinite()).any():
        raise EmcError(
            f"{what}: expected finite numbers, found {answers[odd][0]:g} at x = {given[odd][0]:g}"
        )
    _check_each(registered, what, given, answers)
    if not y.requires_grad:
        raise EmcError(
            f"{what}: it has no gradient: compute it by torch, without detach() and no_grad()"
        )


def _check_each(registered: Registered, what: str, x: "Tensor", y: "Tensor") -> None:
    """See that each number comes from the number in its place, whatever stands beside it.

    Raises:
        EmcError: it does not, or is another one when it is asked for again.
    """
    import torch

    with torch.no_grad(), blaming(registered.plugin.file, registered.line):
        again = registered.function(x.clone())
        apart = registered.function(x.flatten()[:, None].clone()).reshape(2, 3)
    if not torch.allclose(again, y):
        raise EmcError(f"{what}: equal numbers have other answers when they are given again")
    if not torch.allclose(apart, y):
        raise EmcError(
            f"{what}: expected each number from the number in its place, found answers that depend"
            " on the numbers beside it"
        )
