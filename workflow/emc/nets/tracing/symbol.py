"""What stands for a tensor while a computation is recorded: the places of its numbers."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import prod
from typing import Any, NoReturn

import numpy as np
import torch

from emc.nets.tracing.recorder import Recorder, check_mode
from emc.nets.tracing.untraceable import UntraceableError


class RowCount:
    """The number of samples in a batch, of which nothing is known."""

    def _refuse(self, *_: object) -> NoReturn:
        raise UntraceableError("it computes with the number of samples, or branches on it")

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _refuse
    __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = __mod__ = _refuse
    __bool__ = __int__ = __index__ = __float__ = __hash__ = _refuse
    __class__ = property(lambda _: int)  # as `isinstance` says of a tensor's shape


ROWS = RowCount()


class Symbol:
    """A tensor of a batch, or of parameters.

    `places` has the shape of one sample's part. `axis` is the dimension of the tensor along which
    samples lie, None for parameters, which are the same for all samples.
    """

    device = torch.device("cpu")
    dtype = torch.float32
    layout = torch.strided
    requires_grad = True
    is_nested = is_sparse = is_cuda = is_quantized = is_meta = False

    def __init__(self, recorder: Recorder, places: np.ndarray, axis: int | None) -> None:
        """Take the places."""
        check_mode()
        self.recorder, self.places, self.axis = recorder, places, axis

    def like(self, places: np.ndarray) -> "Symbol":
        """Other numbers of as many samples."""
        return Symbol(self.recorder, places, self.axis)

    @classmethod
    def __torch_function__(
        cls,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Record a function of torch's."""
        from emc.nets.tracing.functions import called

        return called(func, args, dict(kwargs or {}))

    def __getattr__(self, name: str) -> Any:
        """A method of a tensor."""
        from emc.nets.tracing.functions import method

        if name.startswith("__"):
            raise AttributeError(name)
        return method(self, name)

    @property
    def shape(self) -> tuple[Any, ...]:
        """As a tensor's, with `ROWS` for the number of samples."""
        sizes: list[Any] = list(self.places.shape)
        if self.axis is not None:
            sizes.insert(self.axis, ROWS)
        return tuple(sizes)

    @property
    def ndim(self) -> int:
        """As a tensor's."""
        return self.places.ndim + (self.axis is not None)

    def dim(self) -> int:
        """As a tensor's."""
        return self.ndim

    def size(self, dim: int | None = None) -> Any:
        """As a tensor's."""
        return self.shape if dim is None else self.shape[dim]

    def __len__(self) -> NoReturn:
        """Unknown."""
        raise UntraceableError("it asks for the length of a tensor")

    def __bool__(self) -> NoReturn:
        """Unknown."""
        raise UntraceableError("it branches on numbers of the data")

    def __iter__(self) -> Iterator["Symbol"]:
        """Along the first dimension, if that is not the samples'."""
        if not self.ndim or self.axis == 0:
            raise UntraceableError("it iterates over the samples of a batch")
        return (self[number] for number in range(self.places.shape[0]))

    def __eq__(self, other: object) -> bool:
        """Whether it is this very symbol; a tensor compares numbers."""
        if other is self or not isinstance(other, Symbol | int | float | torch.Tensor):
            return other is self
        raise UntraceableError("it compares numbers of the data")

    __hash__ = object.__hash__

    def __getitem__(self, index: Any) -> "Symbol":
        """Whole dimensions, slices and single places; all samples."""
        parts = _parts(index, self.ndim)
        if self.axis is None:
            return self.like(self.places[tuple(parts)])
        dims = [number for number, part in enumerate(parts) if part is not None]
        place = dims[self.axis]
        if parts[place] != slice(None):
            raise UntraceableError("it picks samples out of a batch")
        inner = self.places[(*parts[:place], *parts[place + 1 :])]
        axis = sum(type(part) is not int for part in parts[:place])
        return Symbol(self.recorder, inner, axis)

    def __add__(self, other: Any) -> Any:
        """As a tensor's."""
        return self._called(torch.add, self, other)

    def __radd__(self, other: Any) -> Any:
        """As a tensor's."""
        return self._called(torch.add, other, self)

    def __mul__(self, other: Any) -> Any:
        """As a tensor's."""
        return self._called(torch.mul, self, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        """As a tensor's."""
        return self._called(torch.div, self, other)

    def __matmul__(self, other: Any) -> Any:
        """As a tensor's."""
        return self._called(torch.matmul, self, other)

    def _unknown(self, *_: Any) -> NoReturn:
        raise UntraceableError("it computes with operators that the kernels do not have")

    __sub__ = __rsub__ = __neg__ = __pow__ = __rpow__ = __rtruediv__ = __rmatmul__ = _unknown
    __abs__ = __mod__ = __floordiv__ = __and__ = __or__ = __xor__ = __invert__ = _unknown

    def _compared(self, *_: Any) -> NoReturn:
        raise UntraceableError("it compares numbers of the data")

    __lt__ = __le__ = __gt__ = __ge__ = __contains__ = _compared

    def _read(self, *_: Any) -> NoReturn:
        raise UntraceableError("it reads numbers of the data")

    __int__ = __float__ = __index__ = __complex__ = __array__ = __repr__ = __format__ = _read

    def _in_place(self, *_: Any) -> NoReturn:
        raise UntraceableError("it changes a tensor in place")

    def __iadd__(self, other: Any) -> Any:
        """As a tensor's: its former numbers are gone."""
        made = self + other
        self.recorder.overwrite(self.places)
        return made

    __isub__ = __imul__ = __itruediv__ = __setitem__ = _in_place

    @staticmethod
    def _called(function: Callable[..., Any], *arguments: Any) -> Any:
        return Symbol.__torch_function__(function, (), arguments)


def _parts(index: Any, ndim: int) -> list[Any]:
    """What is asked of each dimension, None for a new one."""
    parts = list(index) if isinstance(index, tuple) else [index]
    if not all(part is None or part is ... or type(part) in {int, slice} for part in parts):
        raise UntraceableError("it indexes by something else than numbers and slices")
    asked = sum(part is not None and part is not ... for part in parts)
    whole = [slice(None)] * (ndim - asked)
    if ... not in parts:
        return parts + whole
    place = parts.index(...)
    return parts[:place] + whole + parts[place + 1 :]


def samples_first(symbol: Any) -> Symbol:
    """The symbol, if it is a batch with its samples along the first dimension."""
    if not isinstance(symbol, Symbol):
        raise UntraceableError("it computes with something else than its inputs and parameters")
    if symbol.axis is None:
        raise UntraceableError("it computes with a parameter as no layer of the kernels does")
    if symbol.axis:
        raise UntraceableError("it computes with samples that are not along the first dimension")
    return symbol


def parameters(symbol: Any) -> Symbol:
    """The symbol, if it stands for parameters."""
    if not isinstance(symbol, Symbol) or symbol.axis is not None:
        raise UntraceableError("it uses something else than a parameter for a weight")
    return symbol


def dimension(symbol: Symbol, dim: Any) -> int:
    """A dimension of the places, of a tensor's dimension that is not that of the samples."""
    if type(dim) is not int or not -symbol.ndim <= dim < symbol.ndim:
        raise UntraceableError(f"it uses dimension {dim!r} of a tensor of {symbol.ndim}")
    number = dim % symbol.ndim
    if symbol.axis is None:
        return number
    if number == symbol.axis:
        raise UntraceableError("it computes along the samples of a batch")
    return number - (number > symbol.axis)


def reshaped(symbol: Symbol, sizes: Sequence[Any]) -> Symbol:
    """Numbers in another shape, samples apart as before."""
    if symbol.axis is None:
        return symbol.like(symbol.places.reshape(_plain(sizes)))
    samples_first(symbol)
    first, rest = sizes[0], sizes[1:]
    if first is ROWS:
        return symbol.like(symbol.places.reshape(_plain(rest)))
    if first == -1 and min(_plain(rest), default=1) > 0 and prod(rest) == symbol.places.size:
        return symbol.like(symbol.places.reshape(_plain(rest)))
    raise UntraceableError("it reshapes across the samples of a batch")


def _plain(sizes: Sequence[Any]) -> tuple[int, ...]:
    if any(type(size) is not int for size in sizes):
        raise UntraceableError("it reshapes by the number of samples")
    return tuple(sizes)
