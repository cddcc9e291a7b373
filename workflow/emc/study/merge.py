"""How the layers of a study file come together to one cell."""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from emc.study.cell import Cell
from emc.study.models import Section
from emc.study.strict import unknown

Part = Mapping[str, Any]
Presets = Mapping[str, Part]


def combinations(section: Section) -> Iterator[Part]:
    """Every combination of the grid, before exclusion, in the file's order."""
    if section.grid:
        for values in product(*section.grid.values()):
            yield dict(zip(section.grid, values, strict=True))


def merged(presets: Presets, *layers: Part) -> dict[str, Any]:
    """One cell from its layers, the later the stronger.

    A layer's preset lies just below the layer's own keys. A key replaces the one below it as a
    whole, but for a bare name equal to the name below, which keeps it. Dotted keys then set single
    fields.

    Raises:
        ValueError: an unknown preset, or a dotted key into something that has no fields.
    """
    cell: dict[str, Any] = {}
    for layer in layers:
        for part in (_preset(presets, layer), layer):
            _lay(cell, part)
    return cell


def matches(cell: Part, pattern: Part) -> bool:
    """Whether the merged cell has every value of the pattern."""
    return all(_same(_look(cell, key), wanted) for key, wanted in pattern.items())


def _preset(presets: Presets, layer: Part) -> Part:
    name = layer.get("preset")
    if name is None:
        return {}
    if name not in presets:
        raise ValueError(unknown("preset", str(name), sorted(presets)))
    return presets[name]


def _lay(cell: dict[str, Any], part: Part) -> None:
    whole = {key: value for key, value in part.items() if "." not in key and key != "preset"}
    for key, value in whole.items():
        if not (isinstance(value, str) and _name(cell.get(key)) == value):
            cell[key] = value
    for key, value in part.items():
        if "." in key:
            _set(cell, key, value)


def _set(cell: dict[str, Any], dotted: str, value: Any) -> None:
    key, field = dotted.split(".", 1)
    holder = cell.get(key, {})
    if isinstance(holder, str):
        holder = {"method" if key == "search" else "name": holder}
    if not isinstance(holder, Mapping):
        raise ValueError(f"{dotted}: {key!r} is {holder!r} and has no fields")  # noqa: TRY004
    cell[key] = {**holder, field: value}


def _name(value: Any) -> Any:
    return value.get("name") if isinstance(value, Mapping) else value


def _look(cell: Part, dotted: str) -> Any:
    key, _, field = dotted.partition(".")
    value = cell.get(key, _default(key))
    if not field:
        return value
    return value.get(field) if isinstance(value, Mapping) else None


def _default(key: str) -> Any:
    field = Cell.model_fields.get(key)
    return None if field is None else field.default


def _same(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        inner = found if isinstance(found, Mapping) else {"name": found}
        return all(_same(inner.get(key), value) for key, value in wanted.items())
    if isinstance(wanted, str) and isinstance(found, Mapping):
        return bool(found.get("name") == wanted)
    return _plain(found) == _plain(wanted)


def _plain(value: Any) -> Any:
    """A number however YAML read it; anything else as it is."""
    if isinstance(value, bool):
        return value
    try:
        return float(value)
    except (TypeError, ValueError):
        return value
