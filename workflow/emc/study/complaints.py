"""What is wrong with a study file, in the words of its author."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from emc.study.strict import unknown

_SHOWN: Final = 12


@dataclass(frozen=True, slots=True)
class Complaint:
    """One fault: where in the file, which key, and what was found and is allowed."""

    where: str
    key: str
    message: str


def complaints(where: str, error: ValidationError, raw: Any) -> list[Complaint]:
    """The faults that pydantic found in `raw`."""
    return [
        Complaint(where, _key(detail["loc"], raw), _message(detail)) for detail in error.errors()
    ]


def report(file: str, found: Iterable[Complaint]) -> str:
    """All faults as lines; one that many cells share is shown once."""
    places: dict[tuple[str, str], list[str]] = defaultdict(list)
    for fault in found:
        places[fault.key, fault.message].append(fault.where)
    lines = [_line(file, key, text, where) for (key, text), where in places.items()]
    if len(lines) > _SHOWN:
        lines[_SHOWN:] = [f"... and {len(lines) - _SHOWN} more faults"]
    return "\n".join(lines)


def _line(file: str, key: str, message: str, where: list[str]) -> str:
    more = f" (and {len(where) - 1} more cells)" if len(where) > 1 else ""
    parts = (file, where[0] + more if where[0] else "", key, message)
    return ": ".join(part for part in parts if part)


def _key(location: tuple[int | str, ...], raw: Any) -> str:
    """The path as its author wrote it: without the names that pydantic adds for a union's arm."""
    words: list[str] = []
    value = raw
    for depth, step in enumerate(location):
        if isinstance(value, Mapping) and step in value:
            value = value[step]
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        elif depth + 1 < len(location) or depth > 0 and _is_arm(value, step):
            continue
        words.append(str(step))
    return ".".join(words)


def _is_arm(value: Any, step: int | str) -> bool:
    return value == step or isinstance(value, Mapping) and value.get("name") == step


def _message(detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    match detail["type"]:
        case "value_error":
            return str(context["error"])
        case "union_tag_invalid":
            known = [tag.strip(" '") for tag in context["expected_tags"].split(",")]
            return unknown("name", context["tag"], known)
        case "union_tag_not_found":
            return f"an entry with a 'name' is wanted, found {detail['input']!r}"
        case "missing":
            return "is missing"
        case "literal_error":
            known = [word.strip(" '") for word in context["expected"].replace(" or ", ",").split(",")]
            return unknown("value", str(detail["input"]), known)
        case _:
            text = detail["msg"][0].lower() + detail["msg"][1:]
            return f"{text}, found {detail['input']!r}"
