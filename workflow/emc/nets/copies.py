"""Whether a module trains as copies of it do, that are called with its parameters for theirs."""

from typing import Final

from torch import Tensor, nn

from emc.nets.fragile import gradient_hooks
from emc.nets.kept import kept

_LISTS: Final = (
    "parameters",
    "named_parameters",
    "buffers",
    "named_buffers",
    "modules",
    "named_modules",
    "children",
    "named_children",
)
"""Methods by which others find what a module holds."""


def unlike_copies(net: nn.Module) -> str | None:
    """Why copies do not train as the module does by itself, or None where they do."""
    for name, layer in nn.Module.named_modules(net):
        if own := own_list(layer):
            return f"{name or type(net).__name__!r} has a method {own!r} of its own"
    if obstacle := _of_parameters(net):
        return obstacle
    hidden = {name: what for name, what in kept(net).hidden.items() if what.startswith("keeps")}
    return next((f"{name!r} {what}" for name, what in hidden.items()), None)


def own_list(layer: nn.Module) -> str | None:
    """The first of the methods, if any is the user's, by which others find what a layer holds."""
    own = (name for name in _LISTS if getattr(type(layer), name) is not getattr(nn.Module, name))
    return next((name for name in _LISTS if name in vars(layer)), next(own, None))


def _of_parameters(net: nn.Module) -> str | None:
    places: dict[int, str] = {}
    for name, parameter in net.named_parameters():
        if gradient_hooks(parameter):
            return f"{name!r} has hooks"
        if other := in_the_memory_of(parameter, name, places):
            return f"{name!r} lies in the memory of {other!r}"
    return None


def in_the_memory_of(parameter: Tensor, name: str, places: dict[int, str]) -> str | None:
    """The parameter before this one whose memory it shares; `places` are those seen so far."""
    if not parameter.numel():
        return None
    other = places.setdefault(parameter.untyped_storage().data_ptr(), name)
    return other if other != name else None
