"""A net and its optimizer in the middle of training, as plain numbers."""

from collections.abc import Collection
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from emc.engine.checkpoint import Snapshot
from emc.nets.fragile import step_hooks

_EXACT: Final = (torch.float32,)
"""What `Optimizer.load_state_dict` brings back as it was for float32 parameters."""
_INTEGERS: Final = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool)
_TORCHS: Final = frozenset(vars(Optimizer([nn.Parameter(torch.empty(0))], {})))
"""Attributes of every optimizer."""


class UnsaveableError(Exception):
    """A state holds something that cannot be written down and brought back exactly."""


def training_state(net: nn.Module, optimizer: Optimizer) -> Snapshot:
    """Parameters, buffers, the optimizer's state, and torch's random streams.

    What a module keeps outside its parameters and buffers is not in it.

    Raises:
        UnsaveableError: the optimizer keeps what cannot be saved.
    """
    return Snapshot.of(
        {
            "net": _packed(_tensors(net), (*_EXACT, *_INTEGERS)),
            "optimizer": _packed(_state_dict(optimizer), _EXACT),
            "noise": _packed(_noise(net), _INTEGERS),
        }
    )


def take_up(net: nn.Module, optimizer: Optimizer, kept: Snapshot) -> None:
    """Bring net, optimizer and random streams to where `training_state` saw them."""
    state = {name: _unpacked(part.facts["it"], part.arrays) for name, part in kept.parts().items()}
    with torch.no_grad():
        for tensor, value in zip(_tensors(net), state["net"], strict=True):
            tensor.copy_(value)
    optimizer.load_state_dict(state["optimizer"])
    torch.set_rng_state(state["noise"][0])
    for stream in state["noise"][1:]:
        torch.cuda.set_rng_state(stream)


def _tensors(net: nn.Module) -> list[Tensor]:
    return [*net.parameters(), *net.buffers()]


def _noise(net: nn.Module) -> list[Tensor]:
    on_gpu = next(net.parameters()).is_cuda
    return [torch.get_rng_state(), *([torch.cuda.get_rng_state()] if on_gpu else [])]


def _state_dict(optimizer: Optimizer) -> dict[str, Any]:
    kind = type(optimizer)
    known = kind.__module__.startswith(("torch.optim", "emc.engine"))
    own = vars(optimizer).keys() - _TORCHS
    if own and not known and kind.state_dict is Optimizer.state_dict:
        raise UnsaveableError(f"it keeps {min(own)!r} outside its state_dict")
    if step_hooks(optimizer):
        raise UnsaveableError("hooks of its step may keep what is not in its state_dict")
    return optimizer.state_dict()


def _packed(value: Any, dtypes: Collection[torch.dtype]) -> Snapshot:
    """Nested lists, dicts, numbers and tensors as JSON and arrays."""
    arrays: dict[str, np.ndarray] = {}

    def pack(value: Any) -> Any:
        if isinstance(value, Tensor) and value.dtype in dtypes:
            name = str(len(arrays))
            arrays[name] = value.detach().cpu().numpy().copy()
            return {"array": name}
        if isinstance(value, dict):
            return {"dict": [[pack(key), pack(held)] for key, held in value.items()]}
        if isinstance(value, list):
            return {"list": [pack(held) for held in value]}
        if isinstance(value, tuple):
            return {"tuple": [pack(held) for held in value]}
        if isinstance(value, bool | int | float | str | None):
            return value
        found = f"a {value.dtype} tensor" if isinstance(value, Tensor) else type(value).__name__
        raise UnsaveableError(f"its state holds {found}")

    return Snapshot({"it": pack(value)}, arrays)


def _unpacked(packed: Any, arrays: dict[str, np.ndarray]) -> Any:
    if not isinstance(packed, dict):
        return packed
    ((kind, held),) = packed.items()
    if kind == "array":
        return torch.from_numpy(arrays[held].copy())
    if kind == "dict":
        return {_unpacked(key, arrays): _unpacked(value, arrays) for key, value in held}
    values = (_unpacked(each, arrays) for each in held)
    return tuple(values) if kind == "tuple" else list(values)
