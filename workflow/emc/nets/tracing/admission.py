"""Which modules can be traced at all: those that do what their layers say, and nothing beside."""

from typing import Final

import torch
from torch import Tensor, nn

from emc.nets.copies import in_the_memory_of, own_list
from emc.nets.fragile import global_hooks, gradient_hooks, is_compiled, module_hooks
from emc.nets.inspection import structure
from emc.nets.kept import kept
from emc.nets.tracing.statistics import BATCH_NORMS, COUNT, MEAN, VARIANCE, tracked
from emc.nets.tracing.untraceable import UntraceableError

_LAYERS: Final = frozenset(
    {
        nn.AdaptiveAvgPool2d,
        nn.AdaptiveMaxPool2d,
        nn.AvgPool2d,
        *BATCH_NORMS,
        nn.Conv2d,
        nn.Dropout,
        nn.Flatten,
        nn.GELU,
        nn.GroupNorm,
        nn.Identity,
        nn.LayerNorm,
        nn.LeakyReLU,
        nn.Linear,
        nn.MaxPool2d,
        nn.ModuleDict,
        nn.ModuleList,
        nn.MultiheadAttention,
        nn.ParameterList,
        nn.RMSNorm,
        nn.ReLU,
        nn.SiLU,
        nn.Sigmoid,
        nn.Softmax,
        nn.Tanh,
        nn.TransformerEncoder,
        nn.TransformerEncoderLayer,
        nn.Unflatten,
        nn.ZeroPad2d,
    }
)
_BASES: Final = frozenset({nn.Module, nn.Sequential, nn.ModuleList, nn.ModuleDict})
"""Classes of torch that a user's class may be made from: they compute nothing themselves."""
_INNER: Final = "NonDynamicallyQuantizableLinear"
"""The linear layer within torch's attention, whose weights it reads itself."""


def check_admitted(net: nn.Module) -> None:
    """Refuse a module with layers, hooks or numbers that a trace would not see as they are.

    Raises:
        UntraceableError: with what it is.
    """
    if global_hooks():
        raise UntraceableError("hooks of all modules are registered")
    for name, layer in nn.Module.named_modules(net):
        if obstacle := _obstacle(layer):
            raise UntraceableError(f"{_called(name, layer)} {obstacle}")
    held = structure(net)
    for names, what in (
        (tuple(held.tied), "is one with another weight"),
        (held.frozen, "does not train"),
    ):
        if names:
            raise UntraceableError(f"{names[0]!r} {what}")
    places = _check_parameters(net)
    _check_buffers(net, places)
    for name, what in kept(net).hidden.items():
        raise UntraceableError(f"{name!r} {what}")


def _obstacle(layer: nn.Module) -> str | None:
    if module_hooks(layer):
        return "has hooks"
    if is_compiled(layer):
        return "is compiled by torch"
    if name := own_list(layer):
        return f"has a method {name!r} of its own"
    return _of_kind(layer, type(layer))


def _of_kind(layer: nn.Module, kind: type[nn.Module]) -> str | None:
    if "forward" in vars(layer) or kind.__call__ is not nn.Module.__call__:
        return "is called in a way of its own"
    if kind in _LAYERS or kind in _BASES or kind.__qualname__ == _INNER:
        return None
    for base in kind.__mro__[1:]:
        public = not base.__name__.startswith("_")
        if public and base.__module__.startswith("torch.") and base not in _BASES:
            return f"is made from {base.__name__}"
    if kind.__module__.startswith("torch."):
        return "is a layer that the kernels do not know"
    return None


def _called(name: str, layer: nn.Module) -> str:
    kind = type(layer).__name__
    return f"layer {name!r} ({kind})" if name else kind


def _check_buffers(net: nn.Module, places: dict[int, str]) -> None:
    """See that all are running statistics of batch norms, in memory of their own."""
    for name, layer, buffer in tracked(net):
        if type(layer) not in BATCH_NORMS or name.rpartition(".")[2] not in (MEAN, VARIANCE, COUNT):
            raise UntraceableError(f"{name!r} is a buffer")
        if other := in_the_memory_of(buffer, name, places):
            raise UntraceableError(f"{name!r} lies in the memory of {other!r}")
        if name.endswith(COUNT):
            if layer.momentum is None and buffer.item() != 0:
                raise UntraceableError(f"{name!r} does not begin at 0")
        elif buffer.requires_grad:
            raise UntraceableError(f"{name!r} is a buffer that has a gradient")


def _check_parameters(net: nn.Module) -> dict[int, str]:
    """See that all lie in memory of their own, as kernels take them; gives where they lie."""
    places: dict[int, str] = {}
    for name, parameter in net.named_parameters():
        if obstacle := _parameter_obstacle(parameter):
            raise UntraceableError(f"{name!r} {obstacle}")
        if other := in_the_memory_of(parameter, name, places):
            raise UntraceableError(f"{name!r} lies in the memory of {other!r}")
    return places


def _parameter_obstacle(parameter: Tensor) -> str | None:
    if type(parameter) is not nn.Parameter:
        return f"is a {type(parameter).__name__}"
    if gradient_hooks(parameter):
        return "has hooks"
    if parameter.dtype != torch.float32:
        return f"is in {parameter.dtype}"
    if not parameter.is_contiguous() or not parameter.numel():
        return "does not lie in memory number after number"
    return None
