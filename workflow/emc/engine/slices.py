"""Trainings taken a slice at a time, so that several can share the launches of a device.

A training in slices is a generator: it yields each slice that is to be launched, and is sent what
became of it. `alone` launches each by itself; `together` launches those of several trainings at
once, where one kernel makes them.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any, Protocol, TypeVar

from emc.errors import MachineError, one_line

T = TypeVar("T")


class Slice(Protocol):
    """A part of a training that one launch makes."""

    @property
    def kernel(self) -> str:
        """Slices of equal kernels can share a launch."""

    def launch(self, slices: Sequence[Any]) -> list[Any]:
        """Launch slices of this kernel at once; what became of each."""


InSlices = Generator[Slice, Any, T]
_GoOn = Callable[[], Slice]


def alone(training: InSlices[T]) -> T:
    """The result of a training whose slices are launched by themselves."""
    go_on: _GoOn = partial(next, training)
    try:
        while True:
            part = go_on()
            go_on = _launched([training], [part])[0]
    except StopIteration as end:
        result: T = end.value
        return result


class SharedLaunchError(MachineError):
    """A launch that several trainings shared failed: nobody can say whose fault it is."""


def together(
    trainings: Mapping[str, InSlices[T]],
    joining: Iterable[tuple[str, InSlices[T]]] = (),
    at_once: int = 0,
) -> Iterator[tuple[str, T | BaseException]]:
    """Each training's name with its result, or with the error that ended it, as they end.

    Others are `joining`, one after the other, as long as fewer than `at_once` are under way. One
    that ends with an error leaves the others alone; a launch that fails ends all that share it.
    """
    coming, under_way = iter(joining), dict(trainings)
    ready = _begun(under_way)
    while ready:
        waiting: dict[str, Slice] = {}
        while ready:
            name = next(iter(ready))
            found = _next_slice(ready.pop(name))
            if isinstance(found, _Ended):
                del under_way[name]
                yield name, found.told
            else:
                waiting[name] = found
            more = dict(islice(coming, max(0, at_once - len(under_way))))
            under_way |= more
            ready |= _begun(more)
        ready = _after_launches(under_way, waiting)


def _begun(trainings: Mapping[str, InSlices[Any]]) -> dict[str, _GoOn]:
    return {name: partial(next, training) for name, training in trainings.items()}


def _after_launches(
    trainings: Mapping[str, InSlices[Any]], waiting: Mapping[str, Slice]
) -> dict[str, _GoOn]:
    """Launch what waits, one kernel after the other; how each training goes on."""
    ready: dict[str, _GoOn] = {}
    for kernel in dict.fromkeys(part.kernel for part in waiting.values()):
        names = [name for name, part in waiting.items() if part.kernel == kernel]
        parts = [waiting[name] for name in names]
        told = _launched([trainings[name] for name in names], parts)
        ready |= zip(names, told, strict=True)
    return ready


class _Ended:
    """The result of a training that is over, or its error."""

    def __init__(self, told: Any) -> None:
        self.told = told


def _next_slice(go_on: _GoOn) -> Slice | _Ended:
    try:
        return go_on()
    except StopIteration as end:
        return _Ended(end.value)
    except (Exception, SystemExit) as error:
        return _Ended(error)


def _launched(trainings: Sequence[InSlices[Any]], parts: Sequence[Slice]) -> list[_GoOn]:
    """Launch a slice of each training, by itself where memory ends; how each of them goes on."""
    try:
        answers = parts[0].launch(parts)
    except MemoryError as error:
        if len(parts) == 1:
            return [partial(trainings[0].throw, error)]
        pairs = zip(trainings, parts, strict=True)
        return [_launched([training], [part])[0] for training, part in pairs]
    except Exception as error:
        told = error if len(parts) == 1 else _of_several(error, len(parts))
        return [partial(training.throw, told) for training in trainings]
    told_answers = zip(trainings, answers, strict=True)
    return [partial(training.send, answer) for training, answer in told_answers]


def _of_several(error: Exception, count: int) -> SharedLaunchError:
    told = SharedLaunchError(f"a launch that {count} cells shared failed: {one_line(error)}")
    told.__cause__ = error
    return told
