"""Entries of a cell whose name a plug-in registered, with the keys of the user's function."""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from inspect import Parameter
from typing import Any, ClassVar, Final, Literal, TypeVar, get_args, get_origin

from pydantic import Field, ValidationInfo, create_model

from emc.errors import EmcError
from emc.study.plugins import Plugin, Registered, load_plugin, of_kind
from emc.study.strict import Real, Strict, Whole, named, unknown

_TYPES: Final[dict[Any, Any]] = {int: Whole, float: Real, bool: bool, str: str}
_COLUMNS: Final = {"width": int, "depth": int, "momentum": float, "weight_decay": float}
"""Keys that are columns of a study's tables."""


class PluginEntry(Strict):
    """An entry that a plug-in registered; its fields besides `name` are the function's keys."""

    registered: ClassVar[Registered]
    inherited: ClassVar[frozenset[str]] = frozenset()
    """Keys of the function that are fields already."""

    name: str

    @property
    def keys(self) -> dict[str, Any]:
        """What the study says for the function's parameters."""
        return {key: getattr(self, key) for key in self.registered.keys}


Model = TypeVar("Model", bound=PluginEntry)


@cache
def plugin_model(registered: Registered, base: type[Model]) -> type[Model]:
    """The model of an entry: `base` with a field for each key that it does not have.

    Raises:
        EmcError: a key has neither type nor default, another type than a scalar, or the name of
            something that the model has already.
    """
    fields: Any = {
        key: _field(registered, base, parameter)
        for key, parameter in registered.keys.items()
        if key not in base.inherited
    }
    model: type[Model] = create_model(registered.name, __base__=base, **fields)
    model.__doc__ = registered.function.__doc__
    model.registered = registered
    return model


def _field(registered: Registered, base: type[PluginEntry], key: Parameter) -> tuple[Any, Any]:
    if hasattr(base, key.name) or key.name in {*base.model_fields, "plugin"}:
        raise EmcError(f"{registered.place}: a key cannot be called {key.name!r}: rename it")
    required = key.default is Parameter.empty
    default = ... if required else Field(default=key.default, validate_default=True)
    given = type_of(key)
    check_column(registered, key.name, given)
    if get_origin(given) is Literal and {type(value) for value in get_args(given)} <= {*_TYPES}:
        return given, default
    if given not in _TYPES:
        raise EmcError(
            f"{registered.place}: key {key.name!r}: expected a type or a default that is an int,"
            f" float, bool or str, found {key}"
        )
    return _TYPES[given], default


def type_of(key: Parameter) -> Any:
    """The type that a key's annotation says, or else its default."""
    return type(key.default) if key.annotation is Parameter.empty else key.annotation


def check_column(registered: Registered, key: str, given: Any) -> None:
    """See that a key which other entries of its kind have too is of the same type.

    Raises:
        EmcError: it is of another.
    """
    wanted = _COLUMNS.get(key, given)
    if given is not wanted:
        raise EmcError(
            f"{registered.place}: key {key!r}: it is a column of a study's tables, of type"
            f" {wanted.__name__}: write `{key}: {wanted.__name__}`, or give it another name"
        )


def plugin_or_known(
    kind: str, model: Callable[[Registered], type[PluginEntry]], known: Iterable[str]
) -> Callable[[Any, Callable[[Any], Any], ValidationInfo], Any]:
    """A validator for `WrapValidator`: entries that plug-ins register become their models.

    All others are validated as they are without plug-ins, where the program `known` their names.
    """
    names = list(known)

    def choose(value: Any, as_known: Callable[[Any], Any], info: ValidationInfo) -> Any:
        if isinstance(value, PluginEntry):
            return value
        if found := _plugin_entry(kind, named(value), info, names):
            registered, keys = found
            return model(registered).model_validate(keys, context=info.context)
        return as_known(value)

    return choose


def _plugin_entry(
    kind: str, entry: Any, info: ValidationInfo, known: list[str]
) -> tuple[Registered, dict[str, Any]] | None:
    """What an entry names if a plug-in registered it, and the entry's own keys.

    A study's entry names one of the study's plug-ins' things; an entry of a canonical text says
    which plug-in it is from.

    Raises:
        ValueError: neither a plug-in nor the program knows the name.
        EmcError: the plug-in of a canonical entry cannot be loaded.
    """
    context = info.context or {}
    if not (context.get("canonical") or context.get("plugins")) or not isinstance(entry, Mapping):
        return None
    if context.get("canonical") and "plugin" in entry:
        keys = dict(entry)
        plugin = Plugin(**keys.pop("plugin"))
        return _canonical(kind, str(entry.get("name")), plugin), keys
    registered = of_kind(kind, context.get("plugins", ()))
    name = entry.get("name")
    if isinstance(name, str) and name in registered:
        return registered[name], dict(entry)
    if registered and "name" in entry and name not in known:
        raise ValueError(unknown("name", str(name), [*known, *registered]))
    return None


def _canonical(kind: str, name: str, plugin: Plugin) -> Registered:
    registered = of_kind(kind, load_plugin(plugin))
    if name not in registered:
        raise EmcError(
            f"{plugin.file}: expected it to register {kind} {name!r}, found"
            f" {', '.join(registered) or f'no {kind}'}"
        )
    return registered[name]


def plugin_document(entry: PluginEntry, *, with_file: bool) -> dict[str, str]:
    """What a cell's text says of the plug-in; an id does not depend on where it lies."""
    plugin = entry.registered.plugin
    place = {"file": plugin.file} if with_file else {}
    return {**place, "sha256": plugin.sha256}
