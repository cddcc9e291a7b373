"""What stands for the running statistics of batch norms while a module is traced."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, NoReturn

from torch import Tensor, nn

from emc.nets.fragile import held_buffers, times_changed
from emc.nets.tracing.untraceable import UntraceableError

BATCH_NORMS: Final = (nn.BatchNorm1d, nn.BatchNorm2d)
MEAN, VARIANCE, COUNT = "running_mean", "running_var", "num_batches_tracked"
"""The buffers of torch's batch norms."""


class _Unread:
    """A tensor that nothing but its batch norm may use."""

    def __init__(self, name: str) -> None:
        """Take its name, as torch lists it."""
        self.name = name

    def _refuse(self, *_: object) -> NoReturn:
        raise UntraceableError(f"it reads {self.name!r} outside of its batch norm")

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __pow__ = __rpow__ = _refuse
    __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = _refuse
    __matmul__ = __rmatmul__ = __neg__ = __abs__ = __invert__ = __getitem__ = __setitem__ = _refuse
    __iadd__ = __isub__ = __imul__ = __itruediv__ = __and__ = __or__ = __xor__ = _refuse
    __bool__ = __int__ = __index__ = __float__ = __complex__ = __array__ = __hash__ = _refuse
    __len__ = __iter__ = __contains__ = __repr__ = __format__ = _refuse

    def __getattr__(self, name: str) -> Any:
        """Nothing of a tensor's."""
        if name.startswith("__"):
            raise AttributeError(name)
        self._refuse()


class BatchCount(_Unread):
    """The number of batches that a batch norm has seen: none yet.

    It is counted up once, and read once where the batch norm takes the mean of all batches.
    """

    def __init__(self, name: str, momentum: float | None) -> None:
        """Take its name, and the batch norm's momentum."""
        super().__init__(name)
        self._counted, self.read, self._cumulative = False, False, momentum is None

    def add_(self, more: int) -> None:
        """As the batch norm counts."""
        if self._counted or more != 1:
            raise UntraceableError(f"{self.name!r} counts more than one batch in a call")
        self._counted = True

    def __float__(self) -> float:  # type: ignore[override]
        """As a batch norm without a momentum asks: this is the first batch."""
        if not self._counted or not self._cumulative or self.read:
            self._refuse()
        self.read = True
        return 1.0


class RunningStatistic(_Unread):
    """The running mean or variance, which `kind` says, of a batch norm."""

    def __init__(self, name: str, kind: str, layer: nn.Module, count: BatchCount | None) -> None:
        """Take its layer, and what counts the layer's batches."""
        super().__init__(name)
        self.kind, self.layer, self.count = kind, layer, count
        self.momentum: float | None = layer.momentum  # type: ignore[assignment]


def tracked(net: nn.Module) -> Iterator[tuple[str, nn.Module, Tensor]]:
    """Names of a module's buffers, each as often as it is held, with their layers and tensors."""
    for prefix, layer in nn.Module.named_modules(net):
        for name, buffer in held_buffers(layer).items():
            if buffer is not None:
                yield f"{prefix}.{name}" if prefix else name, layer, buffer


def as_they_are(net: nn.Module) -> Mapping[str, object]:
    """What changes when a buffer of the module does."""
    return {name: (id(buffer), times_changed(buffer)) for name, _, buffer in tracked(net)}


@contextmanager
def symbols_for_statistics(net: nn.Module) -> Iterator[dict[str, tuple[int, ...]]]:
    """Put stand-ins in the places of running statistics meanwhile; gives their shapes by name."""
    held = {layer: dict(held_buffers(layer)) for _, layer, _ in tracked(net)}
    named = {id(buffer): name for name, _, buffer in tracked(net)}
    try:
        for layer, buffers in held.items():
            names = {kind: named[id(one)] for kind, one in buffers.items() if one is not None}
            held_buffers(layer).update(_symbols(layer, names))  # type: ignore[arg-type]
        yield {
            named[id(buffer)]: tuple(buffer.shape)
            for buffers in held.values()
            for kind, buffer in buffers.items()
            if buffer is not None and kind != COUNT
        }
    finally:
        for layer, buffers in held.items():
            held_buffers(layer).update(buffers)


def _symbols(layer: nn.Module, names: Mapping[str, str]) -> dict[str, _Unread]:
    """Stand-ins for a batch norm's buffers, whose names are given by kind."""
    momentum: float | None = layer.momentum  # type: ignore[assignment]
    count = BatchCount(names[COUNT], momentum) if COUNT in names else None
    symbols: dict[str, _Unread] = {} if count is None else {COUNT: count}
    for kind in {MEAN, VARIANCE} & set(names):
        symbols[kind] = RunningStatistic(names[kind], kind, layer, count)
    return symbols
