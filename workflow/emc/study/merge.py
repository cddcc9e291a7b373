"""How the layers of a study file come together to one cell."""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from emc.study.cell import Cell
from emc.study.labels import labelling
from emc.study.models import Section
from emc.study.search import method
from emc.study.strict import named, unknown

CellKeys = Mapping[str, Any]
Presets = Mapping[str, CellKeys]


def combinations(section: Section) -> Iterator[CellKeys]:
    """Every combination of the grid, before exclusion, in the file's order."""
    if section.grid:
        for values in product(*section.grid.values()):
            yield dict(zip(section.grid, values, strict=True))


def merged(presets: Presets, *layers: CellKeys) -> dict[str, Any]:
    """One cell from its layers, the later the stronger.

    A layer's preset lies just below the layer's own keys. A key replaces the one below it as a
    whole, but for a bare name equal to the name below, which keeps it. Dotted keys then set single
    fields; where nothing lies below, those of the entry that a cell has by default.

    Raises:
        ValueError: an unknown preset, a dotted key into something that has no fields, or one that
            contradicts an entry beside it.
    """
    cell: dict[str, Any] = {}
    for layer in layers:
        for part in (_preset(presets, layer), layer):
            _lay(cell, part)
    return cell


def matches(cell: CellKeys, pattern: CellKeys) -> bool:
    """Whether the merged cell has every value of the pattern."""
    return all(_same(_look(cell, key), _entry(key, wanted)) for key, wanted in pattern.items())


def _preset(presets: Presets, layer: CellKeys) -> CellKeys:
    if "preset" not in layer:
        return {}
    name = layer["preset"]
    if not isinstance(name, str) or name not in presets:
        raise ValueError(unknown("preset", str(name), sorted(presets)))
    return presets[name]


def _lay(cell: dict[str, Any], part: CellKeys) -> None:
    for key, value in part.items():
        if "." not in key and key != "preset":
            entry = _entry(key, value)
            if not (isinstance(value, str) and _same(cell.get(key), entry)):
                cell[key] = entry
    for key, value in part.items():
        if "." in key:
            _refuse_two_values(part, key, value)
            _set(cell, key, value)


def _refuse_two_values(part: CellKeys, dotted: str, value: Any) -> None:
    """Raise where an entry and a dotted key of one place set one field to different values."""
    key, field = dotted.split(".", 1)
    entry = part.get(key)
    if isinstance(entry, Mapping) and field in entry and not _same(entry[field], value):
        raise ValueError(
            f"{dotted}: expected one value, found {value!r} and, in {key!r} beside it,"
            f" {entry[field]!r}: give one of them"
        )


def _set(cell: dict[str, Any], dotted: str, value: Any) -> None:
    key, field = dotted.split(".", 1)
    holder = cell.get(key, _entry(key, _default(key)))
    if not isinstance(holder, Mapping):
        raise ValueError(f"{dotted}: {key!r} is {holder!r} and has no fields")  # noqa: TRY004
    cell[key] = {**holder, field: value}


def _look(cell: CellKeys, dotted: str) -> Any:
    key, _, field = dotted.partition(".")
    value = cell.get(key, _entry(key, _default(key)))
    if not field:
        return value
    return value.get(field) if isinstance(value, Mapping) else None


def _default(key: str) -> Any:
    """The name or number that a cell has where nothing is said; an entry without fields if none."""
    field = Cell.model_fields.get(key)
    return field.default if field and isinstance(field.default, str | float | int) else {}


def _entry(key: str, value: Any) -> Any:
    """The value with a bare name or another short form written out."""
    match key:
        case "labels":
            return labelling(value)
        case "search":
            return method(value)
        case "dataset" | "architecture" | "parameterisation" | "optimizer" | "schedule" | "loss":
            return named(value)
        case _:
            return value


def _same(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        return all(_same(found.get(key), value) for key, value in wanted.items())
    return bool(found == wanted or _plain(found) == _plain(wanted))


def _plain(value: Any) -> Any:
    """A number however YAML read it; anything else as it is."""
    if isinstance(value, bool):
        return value
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return value
