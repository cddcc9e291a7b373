"""The JSON schema of a study file, for editors and documentation."""

from typing import Any

from emc.study.cell import Cell
from emc.study.models import Study

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_DOTTED = {"patternProperties": {r"^[a-z_]+\.[a-z_0-9]+$": {}}}
_SHORT_LABELS = [
    {"type": "object", "properties": {key: {"type": "number"}}, "required": [key],
     "additionalProperties": False}
    for key in ("noisy", "classes")
]


def schema() -> dict[str, Any]:
    """JSON schema of a study: the models' own, with the keys of a cell where parts of one stand."""
    study = Study.model_json_schema()
    cell = Cell.model_json_schema()
    definitions = {**cell["$defs"], **study.pop("$defs")}
    definitions["Part"] = part = _part(cell["properties"], definitions)
    section = definitions["Section"]["properties"]
    section["grid"].pop("additionalProperties")
    section["grid"] |= _grid(part["properties"])
    for key in ("cells", "include", "exclude"):
        section[key]["items"] = {"$ref": "#/$defs/Part"}
    study["properties"]["defaults"] |= {"$ref": "#/$defs/Part"}
    study["properties"]["presets"]["patternProperties"] = {".*": {"$ref": "#/$defs/Part"}}
    return {"$schema": _DRAFT, **study, "$defs": definitions}


def _part(properties: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Some keys of a cell: bare names allowed, dotted keys for single fields, none required."""
    keys = {name: _with_names(value, definitions) for name, value in properties.items()}
    keys["labels"]["anyOf"] += _SHORT_LABELS
    keys["preset"] = {"type": "string", "description": "Named part of a cell to start from."}
    return {"type": "object", "properties": keys, **_DOTTED, "additionalProperties": False}


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


def _grid(keys: dict[str, Any]) -> dict[str, Any]:
    """The same keys, each with one value or a list of them."""
    return {
        "properties": {
            name: {"anyOf": [value, {"type": "array", "items": value, "minItems": 1}]}
            for name, value in keys.items()
        },
        **_DOTTED,
        "additionalProperties": False,
    }
