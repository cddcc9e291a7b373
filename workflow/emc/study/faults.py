"""What is wrong with a study file, in the words of its author."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from emc.study.strict import unknown

_SHOWN: Final = 12
_LONGEST: Final = 80

_A_NUMBER: Final = "expected a number"
_A_WHOLE_NUMBER: Final = "expected a whole number"
_A_MAPPING: Final = "expected a mapping"
_WANTED: Final = {
    "bool_parsing": "expected true or false",
    "bool_type": "expected true or false",
    "dict_type": _A_MAPPING,
    "finite_number": "expected a finite number",
    "float_parsing": _A_NUMBER,
    "float_type": _A_NUMBER,
    "greater_than": "expected a number above {gt:g}",
    "greater_than_equal": "expected a number not below {ge:g}",
    "int_from_float": _A_WHOLE_NUMBER,
    "int_parsing": _A_WHOLE_NUMBER,
    "int_parsing_size": "expected a number below 2^63",
    "int_type": _A_WHOLE_NUMBER,
    "less_than": "expected a number below {lt:g}",
    "less_than_equal": "expected a number not above {le:g}",
    "list_type": "expected a list",
    "model_attributes_type": "expected an entry with a 'name'",
    "model_type": _A_MAPPING,
    "string_pattern_mismatch": "expected lower-case letters, digits and single hyphens",
    "string_too_long": "expected at most {max_length} characters",
    "string_type": "expected text",
    "tuple_type": "expected a list, such as [a, b]",
    "union_tag_not_found": "expected an entry with a 'name'",
}
"""What is allowed, by pydantic's name of the fault, where its own words are a programmer's."""


@dataclass(frozen=True, slots=True)
class StudyFault:
    """One fault: where in the file, which key, and what was found and is allowed."""

    where: str
    key: str
    message: str


def study_faults(where: str, error: ValidationError, raw: Any) -> list[StudyFault]:
    """The faults that pydantic found in `raw`."""
    details = error.errors()
    places = [detail["loc"] for detail in details]
    return [
        StudyFault(where, _key(detail["loc"], raw), _message(detail))
        for detail in details
        if not _follows(detail, places)
    ]


def _follows(detail: ErrorDetails, places: Iterable[tuple[int | str, ...]]) -> bool:
    """Whether a list is called short only because its entries have faults of their own."""
    own = detail["loc"]
    within = any(len(place) > len(own) and place[: len(own)] == own for place in places)
    return detail["type"] == "too_short" and within


def report(file: str, found: Iterable[StudyFault]) -> str:
    """All faults as lines; one that many cells share is shown once."""
    places: dict[tuple[str, str], list[str]] = defaultdict(list)
    for fault in found:
        places[fault.key, fault.message].append(fault.where)
    lines = [_line(file, key, text, where) for (key, text), where in places.items()]
    if len(lines) > _SHOWN:
        lines[_SHOWN:] = [f"... and {len(lines) - _SHOWN} more faults"]
    return "\n".join(lines)


def _line(file: str, key: str, message: str, where: list[str]) -> str:
    more = f" (and {len(where) - 1} more)" if len(where) > 1 else ""
    parts = (file, where[0] + more if where[0] else "", key, message)
    return ": ".join(part for part in parts if part)


def _key(location: tuple[int | str, ...], raw: Any) -> str:
    """The path as its author wrote it: without the names that pydantic adds for a union's arm."""
    words: list[str] = []
    value = raw
    for depth, step in enumerate(location):
        if _leads(step, value):
            value = value[step]
        elif depth + 1 < len(location) or _is_pydantics(value, step, depth):
            continue
        if step != "[key]":
            words.append(str(step))
    return ".".join(words)


def _leads(step: int | str, value: Any) -> bool:
    if isinstance(value, Mapping):
        return step in value
    return isinstance(value, list) and isinstance(step, int) and step < len(value)


def _is_pydantics(value: Any, step: int | str, depth: int) -> bool:
    """Whether a last step is a union's arm, or the place in a list that was a single value."""
    named = value == step or (isinstance(value, Mapping) and value.get("name") == step)
    return isinstance(step, int) or (depth > 0 and named)


def _message(detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    match detail["type"]:
        case "value_error":
            return str(context["error"])
        case "union_tag_invalid":
            known = [tag.strip(" '") for tag in context["expected_tags"].split(",")]
            return unknown("name", context["tag"], known)
        case "missing":
            return "is missing"
        case "too_short":
            least = context["min_length"]
            entries = "one entry" if least == 1 else f"{least} entries"
            return f"expected at least {entries}, found {_shown(detail['input'])}"
        case "literal_error":
            known = [
                word.strip(" '") for word in context["expected"].replace(" or ", ",").split(",")
            ]
            return unknown("value", str(detail["input"]), known)
        case kind:
            own = detail["msg"][0].lower() + detail["msg"][1:]
            wanted = _WANTED[kind].format(**context) if kind in _WANTED else own
            quotes = _quotes(detail["input"]) if kind == "string_type" else ""
            return f"{wanted}, found {_shown(detail['input'])}{quotes}"


def _quotes(value: Any) -> str:
    """What makes text of something else that YAML reads without quotes."""
    if isinstance(value, bool):
        return ": yes, no, on and off mean true or false to YAML: put the word in quotes"
    return ": put it in quotes" if isinstance(value, int | float | date) else ""


def _shown(value: Any) -> str:
    """A value as its author knows it from YAML, cut where it is long."""
    if value is None:
        return "nothing"
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    text = str(value) if isinstance(value, date) else text
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."
