"""The JSON schema of a study file, for editors and documentation."""

from typing import Any, Final

from emc.study.cell import Cell
from emc.study.models import Study

_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_BOUNDS: Final = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
}
_PART: Final = {"$ref": "#/$defs/Part"}
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
    """JSON schema of a study: the models' own, with the keys of a cell where parts of one stand."""
    study = _bounded(Study.model_json_schema())
    cell = _bounded(Cell.model_json_schema())
    definitions = {**cell["$defs"], **study.pop("$defs")}
    part = definitions["Part"] = _part(cell["properties"], definitions)
    section = definitions["Section"]["properties"]
    section["grid"] |= _grid(part)
    section["exclude"]["items"] = {**_PART, "minProperties": 1}
    section["include"]["items"] = section["cells"]["items"] = _PART
    keys = study["properties"]
    keys["defaults"] = {"description": keys["defaults"]["description"], **_PART}
    (name,) = keys["sections"]["patternProperties"]
    keys["presets"]["patternProperties"] = {name: _PART}
    for named in ("presets", "sections"):
        keys[named]["additionalProperties"] = False
    return {"$schema": _DRAFT, **study, "$defs": definitions}


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
