"""Architectures that a plug-in registers, and the nets it makes of them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from emc.errors import EmcError, shown
from emc.study.activation import ActivationChoice
from emc.study.architectures import FAMILIES, PluginArchitecture
from emc.study.plugins import Function, Registered, blaming, register

if TYPE_CHECKING:
    from torch import Tensor, nn


def architecture(name: str) -> Callable[[Function], Function]:
    """Register a function as the architecture `name` of the studies that name its file.

    The function is called as `function(shape, classes, activation, **keys)` and makes a fresh
    `torch.nn.Module` from inputs float32 [batch, *shape] to logits [batch, classes], its weights
    drawn from torch's global generator; no two calls share numbers, which are all float32, and
    random numbers are drawn in training only. `activation` is a layer without parameters, the
    cell's. The function's further parameters, each with a type or a default that is an int, a
    float, a bool or a str, are the keys of the `architecture` entry of a study; with one
    `width: int`, `params` finds a width.

    Raises:
        EmcError: a name that is none or is taken, or a function with other parameters.
    """
    if name in FAMILIES:
        raise EmcError(f"architecture {name!r} comes with the program: choose another name")
    return register("architecture", name, ("shape", "classes", "activation"), _weights)


def plugin_net(
    net: PluginArchitecture, activation: ActivationChoice, shape: tuple[int, ...], classes: int
) -> "nn.Module":
    """A fresh net of the plug-in.

    Raises:
        EmcError: the plug-in fails, or makes no torch module with parameters to train.
    """
    from torch import nn

    from emc.nets.activation import ActivationLayer

    registered = net.registered
    with blaming(registered.plugin.file, registered.line):
        made = registered.function(shape, classes, ActivationLayer(activation), **net.keys)
    what = f"{registered.place}: architecture {net.name!r}"
    if not isinstance(made, nn.Module):
        raise EmcError(f"{what}: expected a torch.nn.Module, found {shown(made)}")
    if not any(weight.requires_grad for weight in made.parameters()):
        raise EmcError(f"{what} returns a {type(made).__name__} with nothing to train")
    return made


def _weights(
    net: PluginArchitecture, shape: tuple[int, ...], classes: int
) -> tuple[tuple[int, ...], ...]:
    """Shapes of everything it trains; the net is tried on two inputs.

    Raises:
        EmcError: the plug-in fails, its nets share numbers or cannot be trained in float32, or one
            does not give the logits.
    """
    import torch

    from emc.nets.noise import seeded

    registered = net.registered
    x = torch.zeros(2, *shape, dtype=torch.float32)
    with seeded(0), torch.no_grad():
        made, again = (plugin_net(net, "relu", shape, classes) for _ in range(2))
        _check_fresh(registered, made, again)
        with blaming(registered.plugin.file, registered.line):
            logits = made.eval()(x)
    found = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
    if found != (2, classes):
        raise EmcError(
            f"{registered.place}: architecture {net.name!r}: expected logits of shape"
            f" (2, {classes}) for two inputs of {shape} in {classes} classes, found {found}"
        )
    _check_answers(registered, made, x)
    return tuple(tuple(weight.shape) for weight in made.parameters() if weight.requires_grad)


def _check_fresh(registered: Registered, made: "nn.Module", again: "nn.Module") -> None:
    """See that the nets of two calls can be trained, each by itself."""
    from emc.nets.arithmetic import refuse_surroundings
    from emc.nets.factory import check_fresh, check_made

    with _named(registered):
        refuse_surroundings()
        check_made(made)
        check_fresh(made, again)


def _check_answers(registered: Registered, made: "nn.Module", x: "Tensor") -> None:
    from emc.nets.factory import check_answers

    with _named(registered):
        check_answers(made, x)


@contextmanager
def _named(registered: Registered) -> Iterator[None]:
    """Tell whose net an error is about."""
    try:
        yield
    except EmcError as error:
        what = f"{registered.place}: architecture {registered.name!r}"
        raise EmcError(f"{what}: {error}") from error.__cause__
