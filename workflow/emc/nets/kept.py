"""What a module keeps from call to call, where a call could read it or change it."""

import dis
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from emc.nets.fragile import times_changed

_TORCHS: Final = frozenset(vars(nn.Module()))
"""Attributes that every module has, which other checks look at."""
_PLAIN: Final = (bool, int, float, complex, str, bytes, type(None))
_AS_THEY_ARE: Final = (type, ModuleType, BuiltinFunctionType)
"""Known by which they are: what is in them is not looked at."""
_ASK_FOR_TYPES: Final = frozenset({"isinstance", "issubclass", "type"})
_NO_USERS: Final = frozenset({"torch", "builtins", "typing", "abc"})
"""Packages whose classes and functions keep nothing of their own."""


@dataclass(frozen=True, slots=True)
class KeptValues:
    """What layers keep beside parameters and buffers.

    That is attributes of theirs and of their classes, and what functions of theirs hold: closures,
    defaults, and what the functions and their helpers read of the file that they are written in.

    values    by name, to be compared with those of later
    hidden    names that torch does not follow, with what is there: tensors and layers that it does
              not list, iterators, and functions that ask whether something is a tensor
    """

    values: Mapping[str, object]
    hidden: Mapping[str, str]
    held: Sequence[object] = field(compare=False, repr=False)
    """Lives as long as ids stand for it."""

    def changed(self, now: "KeptValues") -> list[str]:
        """Names of what is no longer as it was; something new, or in the place of None, is none."""
        before = {name: value for name, value in self.values.items() if value != _NOTHING}
        return [name for name, value in before.items() if now.values.get(name) != value]


_NOTHING: Final = repr(None)


def kept(net: nn.Module) -> KeptValues:
    """What a module's layers keep now."""
    values, hidden, held = {}, {}, []
    for prefix, layer in net.named_modules():
        attributes = [item for item in vars(layer).items() if item[0] not in _TORCHS]
        for name, value in [*attributes, *_of_class(type(layer))]:
            place, reader = f"{prefix}.{name}" if prefix else name, _Reader()
            values[place] = reader.of(value)
            held += reader.held
            if reader.hidden:
                hidden[place] = reader.hidden[0]
    return KeptValues(values, hidden, held)


def _of_class(kind: type) -> Iterator[tuple[str, Any]]:
    """What a user's class has beside torch's: its functions, and values that all its nets share."""
    for base in kind.__mro__:
        if _package(base) not in _NO_USERS:
            for name, value in vars(base).items():
                called = isinstance(value, FunctionType) and name != "__init__"
                if called or not name.startswith(("__", "_abc")):
                    yield f"{base.__name__}.{name}", value


class _Reader:
    """Turns a value into a plain one that is equal while nothing has changed.

    What functions read is followed within their own package. `hidden` is as `KeptValues` has it.
    """

    def __init__(self) -> None:
        self.hidden: list[str] = []
        self._seen: set[int] = set()
        self.held: list[object] = []

    def of(self, value: Any) -> object:
        """A value as nested tuples of text and numbers."""
        if isinstance(value, _PLAIN):
            return repr(value)
        if isinstance(value, _AS_THEY_ARE) or id(value) in self._seen:
            return id(value)
        self._seen.add(id(value))
        self.held.append(value)
        return type(value).__qualname__, *self._parts(value)

    def _parts(self, value: Any) -> Iterator[object]:
        match value:
            case Tensor():
                self.hidden.append("keeps a tensor that torch does not list")
                yield from (id(value), times_changed(value))
            case nn.Module():
                self.hidden.append("keeps a layer that torch does not list")
                yield self.of(vars(value))
            case torch.Generator():
                yield value.get_state().tolist()
            case np.ndarray():
                yield from (value.shape, value.tobytes())
            case FunctionType():
                yield id(value)
                yield from map(self.of, self._read_by(value))
            case MethodType():
                yield from map(self.of, (value.__self__, value.__func__))
            case staticmethod() | classmethod():
                yield self.of(value.__func__)
            case property():
                yield from map(self.of, (value.fget, value.fset, value.fdel))
            case set() | frozenset():
                yield from sorted(map(repr, map(self.of, value)))
            case Mapping():
                yield from map(self.of, value.items())
            case list() | tuple():
                yield from map(self.of, value)
            case _:
                yield from map(self.of, self._state(value))

    def _read_by(self, function: FunctionType) -> Iterator[object]:
        yield from (function.__defaults__, function.__kwdefaults__, vars(function))
        for cell in function.__closure__ or ():
            try:
                yield cell.cell_contents
            except ValueError:  # not assigned yet
                yield None
        if (package := _package(function)) not in _NO_USERS:
            self._look_for_types(function)
            for name in _globals_of(function.__code__):
                value = function.__globals__.get(name)
                if not isinstance(value, FunctionType) or _package(value) == package:
                    yield value

    def _look_for_types(self, function: FunctionType) -> None:
        """What stands for a tensor while a module is traced is none."""
        names = set(_names(function.__code__))
        read = [function.__globals__.get(name) for name in names]
        of_tensors = "Tensor" in names or any(value is Tensor for value in read)
        if (of_tensors and names & _ASK_FOR_TYPES) or "is_tensor" in names:
            self.hidden.append("asks whether something is a tensor")

    def _state(self, value: Any) -> tuple[object, ...]:
        """What would be written to make an object again; nothing where that cannot be."""
        if hasattr(value, "__next__"):
            self.hidden.append(f"keeps a {type(value).__name__}")
            return ()
        try:
            state = value.__reduce_ex__(4)
        except Exception:
            return (id(value),)
        if isinstance(state, str):
            return (state,)
        return (*state[1:3], *(list(each) for each in state[3:5] if each))


def _package(of: type | FunctionType) -> str:
    return str(of.__module__).partition(".")[0]


def _globals_of(code: CodeType) -> list[str]:
    """Names of its file that a function's code reads or writes."""
    return sorted({name for name, how in _names(code).items() if how.endswith("_GLOBAL")})


def _names(code: CodeType) -> dict[str, str]:
    """Names that a function's code mentions, those within it, too, by the operation."""
    found = {
        str(each.argval): each.opname
        for each in dis.get_instructions(code)
        if each.opname.endswith(("_GLOBAL", "_ATTR", "_METHOD"))
    }
    if any(each.opname == "MATCH_CLASS" for each in dis.get_instructions(code)):
        found["isinstance"] = "MATCH_CLASS"  # as `case` of a class asks
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            found.update(_names(inner))
    return found
