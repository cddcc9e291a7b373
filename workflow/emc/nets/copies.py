"""Whether a module trains as copies of it do, that are called with its parameters for theirs."""

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
import torch
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
_PLAIN: Final = (bool, int, float, complex, str, type(None))


def unlike_copies(net: nn.Module) -> str | None:
    """Why copies do not train as the module does by itself, or None where they do."""
    for name, layer in nn.Module.named_modules(net):
        if own := own_list(layer):
            return f"{name or type(net).__name__!r} has a method {own!r} of its own"
    if obstacle := _of_parameters(net):
        return obstacle
    hidden = {name: what for name, what in kept(net).hidden.items() if what.startswith("keeps")}
    if hidden:
        return next(f"{name!r} {what}" for name, what in hidden.items())
    return changed_by_mode(net)


def changed_by_mode(net: nn.Module) -> str | None:
    """Which parameter has other numbers once the net's mode has changed, and that it does, or None.

    Numbers of all sizes are looked at: some nets cut off large ones. The net's own come back.
    """
    if not any(map(_has_own_modes, nn.Module.modules(net))):
        return None
    named = {name: p for name, p in net.named_parameters() if p.is_floating_point()}
    own = {name: p.detach().clone() for name, p in named.items()}
    modes = {layer: layer.training for layer in net.modules()}
    draw = np.random.default_rng(0)
    tried = {name: _of_all_sizes(draw, p) for name, p in named.items()}
    _load(named, tried)
    net.train()
    net.eval()
    after = dict(net.named_parameters())
    changed = [n for n, p in named.items() if after.get(n) is not p or not p.equal(tried[n])]
    _load(named, own)
    for layer, mode in modes.items():
        layer.training = mode
    return f"{changed[0]!r} changes with the mode" if changed else None


def _has_own_modes(layer: nn.Module) -> bool:
    names = ("train", "eval")
    of_class = any(getattr(type(layer), name) is not getattr(nn.Module, name) for name in names)
    return of_class or any(name in vars(layer) for name in names)


def _of_all_sizes(draw: np.random.Generator, like: Tensor) -> Tensor:
    numbers = draw.normal(size=like.shape) * 10 ** draw.uniform(-3, 6, like.shape)
    return torch.from_numpy(np.asarray(numbers)).to(like.dtype)


def _load(parameters: Mapping[str, Tensor], numbers: Mapping[str, Tensor]) -> None:
    for name, parameter in parameters.items():
        parameter.data.copy_(numbers[name])


def settings(net: nn.Module) -> dict[str, object]:
    """What kinds of layers a net has, and the plain values among their attributes, by name."""
    return dict(_settings(net))


def _settings(net: nn.Module) -> Iterator[tuple[str, object]]:
    for prefix, layer in nn.Module.named_modules(net):
        yield prefix, type(layer).__qualname__
        for name, value in vars(layer).items():
            parts = value if isinstance(value, tuple | list) else (value,)
            if name != "training" and all(isinstance(part, _PLAIN) for part in parts):
                yield f"{prefix}.{name}" if prefix else name, repr(value)


def unlike_others(net: nn.Module, others: Mapping[str, object]) -> str | None:
    """What is not as in other nets of the same factory, of which these are the settings, or None.

    Replicas that train together, or by a kernel, are all taken for one kind of net.
    """
    own = settings(net)
    for name, value in others.items():
        if own.get(name) != value:
            found = own.get(name, "absent")
            return f"nets of the factory differ: {name!r} is {found} in one and {value} in another"
    return None


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
