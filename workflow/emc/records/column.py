"""What a field of a record means: tables, files and the data dictionary follow from it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from types import NoneType
from typing import Any, Final, Literal, Protocol, TypeVar, get_args, get_origin, get_type_hints

Row = TypeVar("Row")
ColumnKind = Literal["text", "whole", "real", "truth", "texts", "wholes", "reals"]

_KINDS: Final[Mapping[type, ColumnKind]] = {str: "text", int: "whole", float: "real", bool: "truth"}
_LISTS: Final[Mapping[type, ColumnKind]] = {str: "texts", int: "wholes", float: "reals"}
_TYPES: Final[Mapping[ColumnKind, tuple[type, ...]]] = {
    "text": (str,),
    "whole": (int,),
    "real": (float, int),
    "truth": (bool,),
}
_OF_LISTS: Final[Mapping[ColumnKind, ColumnKind]] = {
    "texts": "text",
    "wholes": "whole",
    "reals": "real",
}
_WORDS: Final[Mapping[ColumnKind, str]] = {
    "text": "a text",
    "whole": "a whole number",
    "real": "a number",
    "truth": "true or false",
    "texts": "a list of texts",
    "wholes": "a list of whole numbers",
    "reals": "a list of numbers",
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: what it holds, for the data dictionary, and whether null is allowed."""

    name: str
    kind: ColumnKind
    meaning: str
    nullable: bool = False
    unit: str = ""

    def fault(self, value: Any) -> str | None:
        """What is wrong with a value that a file has in this column; None where it may be."""
        if self.nullable if value is None else _is(self.kind, value):
            return None
        return self.told(json.dumps(value, default=str))

    def told(self, found: str) -> str:
        """That a value of another kind was found, which `found` is in JSON."""
        return f"{self.name}: expected {_WORDS[self.kind]}, found {found}"


def _is(kind: ColumnKind, value: Any) -> bool:
    if kind in _OF_LISTS:
        return isinstance(value, list | tuple) and all(_is(_OF_LISTS[kind], one) for one in value)
    return isinstance(value, _TYPES[kind]) and (kind == "truth") == isinstance(value, bool)


def column(meaning: str, *, unit: str = "", **of_field: Any) -> Any:
    """A field that is one column; its type says the kind, `| None` that it may be empty."""
    return field(metadata={"meaning": meaning, "unit": unit}, **of_field)


def marked(meaning: str, marks: Mapping[str, str]) -> Any:
    """A tuple of named tuples, one per mark: a column `part_mark` for each of their parts.

    `meaning` has the places `{part}` and `{mark}`; `marks` gives the text of the latter.
    """
    return field(metadata={"meaning": meaning, "marks": marks})


def part(prefix: str = "", **of_field: Any) -> Any:
    """A field that is a record itself: its columns, their names after `prefix`; None is empty."""
    return field(metadata={"prefix": prefix}, **of_field)


def columns(record: type) -> tuple[Column, ...]:
    """The columns of a kind of record, in the order of its fields that have a meaning."""
    return tuple(one for each in _layout(record) for one in each.columns)


def row(record: Any) -> dict[str, Any]:
    """A record as a row of its columns."""
    found: dict[str, Any] = {}
    for each in _layout(type(record)):
        each.write(getattr(record, each.name), found)
    return found


def from_row(record: type[Row], values: Mapping[str, Any]) -> Row:
    """The record that `row` was given; sequences may be lists.

    Raises:
        KeyError: a column is missing, or there is one too many.
        TypeError, ValueError: a value can be that of no such record.
    """
    if strange := {one.name for one in columns(record)} ^ values.keys():
        raise KeyError(", ".join(sorted(strange)))
    refuse_mistyped(record, values)
    return record(**{each.name: each.read(values) for each in _layout(record) if each.given})


def refuse_mistyped(record: type, values: Mapping[str, Any]) -> None:
    """Raise where a value is of another kind than its column.

    Raises:
        TypeError: it is; the message says which, and what was found.
    """
    for one in columns(record):
        if fault := one.fault(values[one.name]):
            raise TypeError(fault)


class _Place(Protocol):
    """Where a field lies in a row; one that is not `given` follows from the others."""

    @property
    def name(self) -> str: ...

    @property
    def given(self) -> bool: ...

    @property
    def columns(self) -> tuple[Column, ...]: ...

    def write(self, value: Any, into: dict[str, Any]) -> None: ...

    def read(self, values: Mapping[str, Any]) -> Any: ...


@dataclass(frozen=True, slots=True)
class _Plain:
    name: str
    given: bool
    kind: Any
    columns: tuple[Column, ...]

    def write(self, value: Any, into: dict[str, Any]) -> None:
        into[self.name] = value

    def read(self, values: Mapping[str, Any]) -> Any:
        value = values[self.name]
        return value if value is None or self.kind in _KINDS else self.kind(value)


@dataclass(frozen=True, slots=True)
class _Marked:
    name: str
    given: bool
    kind: Any
    marks: Mapping[str, str]
    columns: tuple[Column, ...]

    def write(self, value: Any, into: dict[str, Any]) -> None:
        for mark, one in zip(self.marks, value, strict=True):
            into.update({f"{name}_{mark}": what for name, what in one._asdict().items()})

    def read(self, values: Mapping[str, Any]) -> Any:
        return tuple(
            self.kind(*(values[f"{name}_{mark}"] for name in self.kind._fields))
            for mark in self.marks
        )


@dataclass(frozen=True, slots=True)
class _Part:
    name: str
    given: bool
    kind: Any
    prefix: str
    columns: tuple[Column, ...]

    def write(self, value: Any, into: dict[str, Any]) -> None:
        if value is None:
            into.update(dict.fromkeys(one.name for one in self.columns))
        else:
            into.update({self.prefix + name: one for name, one in row(value).items()})

    def read(self, values: Mapping[str, Any]) -> Any:
        own = {one.name: values[one.name] for one in self.columns}
        if own and all(value is None for value in own.values()):
            return None
        return from_row(
            self.kind, {name.removeprefix(self.prefix): one for name, one in own.items()}
        )


_LAYOUTS: Final[dict[type, tuple[_Place, ...]]] = {}


def _layout(record: type) -> tuple[_Place, ...]:
    if record not in _LAYOUTS:
        _LAYOUTS[record] = tuple(_places(record))
    return _LAYOUTS[record]


def _places(record: Any) -> Iterator[_Place]:
    hints = get_type_hints(record)
    return (
        _place(each.name, each.init, each.metadata, *_known(hints[each.name]))
        for each in fields(record)
        if each.metadata
    )


def _known(hint: Any) -> tuple[Any, bool]:
    """A type without `None`, and whether that was one of its values."""
    kinds = [one for one in get_args(hint) if one is not NoneType]
    if NoneType in get_args(hint):
        return kinds[0], True
    return hint, False


def _place(name: str, given: bool, told: Mapping[str, Any], kind: Any, nullable: bool) -> _Place:
    if "prefix" in told:
        own = tuple(_within(told["prefix"], one, nullable) for one in columns(kind))
        return _Part(name, given, kind, told["prefix"], own)
    if "marks" in told:
        each = get_args(kind)[0]
        return _Marked(name, given, each, told["marks"], _of_marks(told, each))
    own = (Column(name, _kind(kind), told["meaning"], nullable, told["unit"]),)
    return _Plain(name, given, get_origin(kind) or kind, own)


def _within(prefix: str, one: Column, nullable: bool) -> Column:
    return Column(prefix + one.name, one.kind, one.meaning, one.nullable or nullable, one.unit)


def _of_marks(told: Mapping[str, Any], kind: Any) -> tuple[Column, ...]:
    hints = {name: _known(hint) for name, hint in get_type_hints(kind).items()}
    return tuple(
        Column(
            f"{name}_{mark}", _kind(hint), told["meaning"].format(part=name, mark=text), nullable
        )
        for mark, text in told["marks"].items()
        for name, (hint, nullable) in hints.items()
    )


def _kind(hint: Any) -> ColumnKind:
    if get_origin(hint) is tuple:
        return _LISTS[get_args(hint)[0]]
    return "text" if issubclass(hint, StrEnum) else _KINDS[hint]
