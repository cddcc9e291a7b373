"""Activations that a plug-in registers."""

from collections.abc import Callable
from dataclasses import dataclass

from emc.activations import ACTIVATIONS
from emc.errors import EmcError
from emc.study.plugins import Function, Registered, blaming, register


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
    return register("activation", name, ("x",), Details(float(gain), _check))


def _check(registered: Registered) -> None:
    """Try the function.

    Raises:
        EmcError: it fails, or does not keep the shape.
    """
    import torch

    x = torch.linspace(-3, 3, 6).reshape(2, 3)
    with blaming(registered.plugin.file, registered.line):
        y = registered.function(x)
    found = tuple(y.shape) if isinstance(y, torch.Tensor) else type(y).__name__
    if found != (2, 3):
        raise EmcError(
            f"{registered.place}: activation {registered.name!r}: expected shape (2, 3) as of"
            f" its input, found {found}"
        )
