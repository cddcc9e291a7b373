"""What a module is made of and how it answers: all that training and certificates ask of one."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.parameter import is_lazy

from emc.nets.generators import GeneratorStates, generators_kept, seed_all

BATCH_NORMS: Final = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
INSTANCE_NORMS: Final = (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)
DROPOUTS: Final = (
    nn.Dropout,
    nn.Dropout1d,
    nn.Dropout2d,
    nn.Dropout3d,
    nn.AlphaDropout,
    nn.FeatureAlphaDropout,
)
_RELATIVE: Final = 1e-4
"""Logits that differ by less than this part of the largest are equal: rounding."""
_FEW: Final = 8
_LOOKED_AT: Final = 512
"""Rows among which different ones are looked for."""

REMEMBERS: Final = (
    "answers the same inputs otherwise when they are given again: it keeps something between its"
    " calls that is no buffer, or draws from a generator of its own"
)
"""What to say of a net that does."""


@dataclass(frozen=True, slots=True)
class Structure:
    """What a module holds, by the names that `named_parameters` and its kin give.

    dtypes            of every parameter and buffer
    lazy              parameters and buffers whose shape the first call decides
    tied              second names of a parameter, with the name that torch lists
    frozen            parameters that do not train
    parametrized      weights made anew from others at each use, by `torch.nn.utils.parametrize`
                      or by the hook of the older `torch.nn.utils.weight_norm` and `spectral_norm`
    pruned            weights under a mask of `torch.nn.utils.prune`
    outside           tensors that a layer keeps as plain attributes
    batch_norms       layers that normalise over the batch while they train
    batch_norms_always  those of them that do so in evaluation mode too: no running statistics
    """

    kind: str
    dtypes: Mapping[str, torch.dtype]
    lazy: tuple[str, ...]
    tied: Mapping[str, str]
    frozen: tuple[str, ...]
    parametrized: tuple[str, ...]
    pruned: tuple[str, ...]
    outside: tuple[str, ...]
    batch_norms: tuple[str, ...]
    batch_norms_always: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a module answered in one mode, seen on the rows that it was tried on.

    logits   the dtype and shape of its answer
    mixes    whether a row's logits depend on the other rows of the batch, or on their number
    draws    the generators that it drew from: "torch", "numpy", "random"
    changes  the buffers that it changed
    remembers  whether it answers the same rows otherwise when they are given again, with the same
               draws and buffers: it keeps something else between its calls
    """

    dtype: torch.dtype
    shape: tuple[int, ...]
    mixes: bool
    draws: tuple[str, ...]
    changes: tuple[str, ...]
    remembers: bool


def structure(net: nn.Module) -> Structure:
    """What a module holds; nothing is computed."""
    held = dict(_held(net))
    layers = dict(net.named_modules())
    norms = {name: layer for name, layer in layers.items() if isinstance(layer, BATCH_NORMS)}
    made = _made_anew(layers)
    return Structure(
        kind=type(net).__name__,
        dtypes={name: tensor.dtype for name, tensor in held.items()},
        lazy=tuple(name for name, tensor in held.items() if is_lazy(tensor)),
        tied=_tied(net),
        frozen=tuple(name for name, p in net.named_parameters() if not p.requires_grad),
        parametrized=made["parametrized"],
        pruned=made["pruned"],
        outside=tuple(_outside(layers)),
        batch_norms=tuple(norms),
        batch_norms_always=tuple(n for n, layer in norms.items() if layer.running_mean is None),
    )


def unusable(net: nn.Module) -> str | None:
    """Why a module has no numbers, or cannot be called with others than its own; None if it can."""
    for name, tensor in _held(net):
        if tensor.is_meta:
            return f"{name!r} is on the device 'meta', without values"
        if tensor.layout != torch.strided:
            return f"{name!r}: expected a dense tensor, found one of layout {tensor.layout}"
    for layer in net.modules():
        if isinstance(layer, (torch.jit.ScriptModule, nn.DataParallel)):
            return (
                f"a {type(layer).__name__} cannot be called with other weights than its own: give"
                " the module that it was made from"
            )
    return None


def behaviour(net: nn.Module, x: Tensor, *, training: bool) -> Behaviour:
    """How a module answers inputs [rows, *shape] on its device, with its parameters as they are.

    Its buffers, its mode and all random generators are left as they were. Two different rows or
    more are needed to see whether rows depend on each other; a net whose answer is not a tensor
    or that fails raises what it raises.
    """
    with _in_mode(net, training), torch.no_grad(), generators_kept(x.device):
        answer = partial(_call, net)
        first, changes, draws = answer(x)
        remembers = not _close(first, answer(x)[0])
        mixes = _mixes(lambda rows: answer(rows)[0], x, first, compare_sizes=not draws)
    return Behaviour(first.dtype, tuple(first.shape), mixes, draws, changes, remembers)


def few_different(x: Tensor) -> Tensor:
    """The first of rows [rows, *shape] and some that differ from it, or the next where none do."""
    looked_at = x[:_LOOKED_AT]
    differs = (looked_at != looked_at[:1]).reshape(len(looked_at), -1).any(dim=1)
    others = differs.nonzero()[: _FEW - 1, 0]
    return torch.cat([x[:1], looked_at[others]]) if len(others) else x[:_FEW]


def mixes(net: nn.Module, x: Tensor) -> bool:
    """Whether rows depend on each other in evaluation mode, seen on a few rows of x."""
    return behaviour(net, few_different(x), training=False).mixes


def shared(first: nn.Module, second: nn.Module) -> Mapping[str, str]:
    """Numbers of `second`, by name, that lie in the memory of `first`, with their name there."""
    places = {_place(tensor): name for name, tensor in _held(first)}
    places.pop(0, None)
    return {name: places[_place(t)] for name, t in _held(second) if _place(t) in places}


def _held(net: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from net.named_parameters()
    yield from net.named_buffers()


def _place(tensor: Tensor) -> int:
    """Address of what holds a tensor's numbers; 0 where nothing does."""
    return 0 if is_lazy(tensor) else tensor.untyped_storage().data_ptr()


def _tied(net: nn.Module) -> dict[str, str]:
    first = {id(weight): name for name, weight in net.named_parameters()}
    named = net.named_parameters(remove_duplicate=False)
    return {name: first[id(weight)] for name, weight in named if first[id(weight)] != name}


def _made_anew(layers: Mapping[str, nn.Module]) -> dict[str, tuple[str, ...]]:
    """Weights that are no parameters themselves, by what makes them."""
    parametrized, pruned = [], []
    for prefix, layer in layers.items():
        own = {name for name, _ in layer.named_parameters(recurse=False)}
        buffers = {name for name, _ in layer.named_buffers(recurse=False)}
        if isinstance(made := getattr(layer, "parametrizations", None), nn.ModuleDict):
            parametrized += [_joined(prefix, name) for name in made]
        for name in vars(layer):
            if f"{name}_orig" in own and f"{name}_mask" in buffers:
                pruned.append(_joined(prefix, name))
            elif {f"{name}_g", f"{name}_v"} <= own or f"{name}_orig" in own:
                parametrized.append(_joined(prefix, name))
    return {"parametrized": tuple(parametrized), "pruned": tuple(pruned)}


def _outside(layers: Mapping[str, nn.Module]) -> Iterator[str]:
    for prefix, layer in layers.items():
        for name, value in vars(layer).items():
            if isinstance(value, Tensor):
                yield _joined(prefix, name)


def _joined(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name


_Called = tuple[Tensor, tuple[str, ...], tuple[str, ...]]


def _call(net: nn.Module, x: Tensor) -> _Called:
    """Logits, names of changed buffers and of the generators drawn from; seeded alike each time."""
    held = {name: buffer.clone() for name, buffer in net.named_buffers()}
    before = {name: buffer.clone() for name, buffer in held.items()}
    seed_all(x.device)
    untouched = GeneratorStates.now(x.device)
    logits: Tensor = functional_call(net, held, (x.clone(),))
    draws = untouched.moved(x.device)
    changed = tuple(name for name in held if not _unchanged(before[name], held[name]))
    return logits, changed, draws


def _mixes(
    logits: Callable[[Tensor], Tensor], x: Tensor, first: Tensor, *, compare_sizes: bool
) -> bool:
    """Whether row 0 is answered otherwise among copies of itself, or among twice as many."""
    copies = x[:1].expand_as(x)
    alike = logits(copies)
    if not _close(first[0], alike[0]):
        return True
    return compare_sizes and not _close(alike[0], logits(torch.cat([copies, copies]))[0])


def _unchanged(before: Tensor, after: Tensor) -> bool:
    return bool(((before == after) | (before.isnan() & after.isnan())).all())


def _close(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape:
        return False
    if not one.is_floating_point():
        return torch.equal(one, other)
    scale = _RELATIVE * float(one.abs().nan_to_num().max())
    return torch.allclose(one, other, rtol=0.0, atol=scale, equal_nan=True)


@contextmanager
def _in_mode(net: nn.Module, training: bool) -> Iterator[None]:
    modes = {layer: layer.training for layer in net.modules()}
    try:
        net.train(training)
        yield
    finally:
        for layer, mode in modes.items():
            layer.training = mode
