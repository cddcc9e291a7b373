"""The JSON schema of a study file, for editors and documentation."""

from typing import Any, Final

from emc.study.cell import Cell
from emc.study.descriptions import Described
from emc.study.excerpt import Excerpt
from emc.study.models import Study

_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_BOUNDS: Final = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
}
_REGISTERED: Final = ("dataset", "architecture", "activation", "optimizer")
"""What a plug-in can register."""
_SHORT_LABELS: Final = [
    {
        "type": "object",
        "properties": {key: {"type": "number"}},
        "required": [key],
        "additionalProperties": False,
    }
    for key in ("noisy", "classes")
]


def schema() -> dict[str, Any]:
    """JSON schema of a study: the models' own, with the keys of a cell where parts of one stand.

    Names that only a plug-in can know are allowed where a study has plug-ins.
    """
    study = _bounded(Study.model_json_schema(schema_generator=Described))
    cell = _bounded(Cell.model_json_schema(schema_generator=Described))
    definitions = {**cell["$defs"], **study.pop("$defs")}
    section = definitions.pop("Section")
    keys = study["properties"]
    keys["defaults"] = {"description": keys["defaults"]["description"]}
    keys["presets"].pop("patternProperties")
    (name,) = keys["sections"].pop("patternProperties")
    plain = _part(cell["properties"], definitions)
    parts = {"Part": plain, "PluginPart": _with_plugin_names(plain)}
    for kind, part in parts.items():
        definitions[kind] = part
        definitions[kind.replace("Part", "Section")] = _section(section, kind, part)
    definitions["Study"] = {
        **study,
        "if": {"required": ["plugins"]},
        "then": {"properties": _places(name, "PluginPart")},
        "else": {"properties": _places(name, "Part")},
    }
    definitions["Excerpt"] = _bounded(Excerpt.model_json_schema(schema_generator=Described))
    return {
        "$schema": _DRAFT,
        "description": "A study, or some sections of another one.",
        "if": {"required": ["part_of"]},
        "then": _reference("Excerpt"),
        "else": _reference("Study"),
        "$defs": definitions,
    }


def _reference(kind: str) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{kind}"}


def _places(name: str, part: str) -> dict[str, Any]:
    """Where parts of a cell stand in a study; `name` is the pattern of names."""
    section = _reference(part.replace("Part", "Section"))
    return {
        "defaults": _reference(part),
        "presets": {"patternProperties": {name: _reference(part)}, "additionalProperties": False},
        "sections": {"patternProperties": {name: section}, "additionalProperties": False},
    }


def _section(section: dict[str, Any], kind: str, part: dict[str, Any]) -> dict[str, Any]:
    keys = section["properties"]
    items = _reference(kind)
    return {
        **section,
        "properties": {
            "grid": {**keys["grid"], **_grid(part)},
            "exclude": {**keys["exclude"], "items": {**items, "minProperties": 1}},
            "include": {**keys["include"], "items": items},
            "cells": {**keys["cells"], "items": items},
        },
    }


def _with_plugin_names(part: dict[str, Any]) -> dict[str, Any]:
    """The same part, with entries of any other name for what plug-ins register."""
    keys = dict(part["properties"])
    for kind in _REGISTERED:
        known = keys[kind]["anyOf"]
        other = {"type": "string", "not": {"enum": next(a["enum"] for a in known if "enum" in a)}}
        entry = {"type": "object", "properties": {"name": other}, "required": ["name"]}
        keys[kind] = {**keys[kind], "anyOf": [*known, other, entry]}
    return {**part, "description": "Some keys of a cell, with plug-ins.", "properties": keys}


def _bounded(node: Any) -> Any:
    """The same schema; pydantic leaves bounds that lie behind a validator under its own names."""
    if isinstance(node, dict):
        return {_BOUNDS.get(key, key): _bounded(value) for key, value in node.items()}
    return [_bounded(value) for value in node] if isinstance(node, list) else node


def _part(properties: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Some keys of a cell: bare names allowed, dotted keys for single fields, none required."""
    keys = {name: _with_names(value, definitions) for name, value in properties.items()}
    keys["labels"]["anyOf"] += _SHORT_LABELS
    keys["preset"] = {"type": "string", "description": "Named part of a cell to start from."}
    entries = [name for name, value in properties.items() if {"$ref", "discriminator"} & {*value}]
    return {
        "type": "object",
        "properties": keys,
        "patternProperties": {rf"^({'|'.join(entries)})\.[a-z_0-9]+$": {}},
        "additionalProperties": False,
    }


def _with_names(value: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    names = _names(value, definitions)
    described = {"description": value["description"]} if "description" in value else {}
    return {**described, "anyOf": [value, *([{"enum": names}] if names else [])]}


def _names(value: dict[str, Any], definitions: dict[str, Any]) -> list[str]:
    """The bare names that may stand for an entry."""
    if "discriminator" in value:
        return sorted(value["discriminator"]["mapping"])
    properties = definitions.get(value.get("$ref", "").rpartition("/")[2], {}).get("properties", {})
    return list(properties.get("name", properties.get("method", {})).get("enum", []))


def _grid(part: dict[str, Any]) -> dict[str, Any]:
    """A part's keys, each with one value or a list of them."""
    keys = {
        name: {"anyOf": [value, {"type": "array", "items": value, "minItems": 1}]}
        for name, value in part["properties"].items()
    }
    return {**part, "properties": keys}
