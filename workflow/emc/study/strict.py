"""The base of every model of a study file: unknown keys are errors, values never change."""

from difflib import get_close_matches
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, model_validator

ABSENT = object()
"""Says that a field was there from the first version of the protocol on."""


class Strict(BaseModel):
    """A part of a study file.

    Validated with the context ``{"canonical": True}``, fields that are not there take their
    `absent_means` instead of today's default.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, dict):
            return value
        known = cls.model_fields
        for key in value:
            if key not in known:
                raise ValueError(unknown("key", str(key), list(known)))
        if is_canonical(info):
            meant = absent_meanings(cls)
            added_later = {key: what for key, what in meant.items() if what is not ABSENT}
            return {**added_later, **value}
        return value


def is_canonical(info: ValidationInfo) -> bool:
    """Whether what is validated was written from a model that had passed as part of a study."""
    return bool(info.context and info.context.get("canonical"))


def unknown(kind: str, found: str, known: list[str]) -> str:
    """The message for a word that is not one of the known ones, with the nearest of them."""
    near = get_close_matches(found, known, n=1, cutoff=0.6)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"unknown {kind} {found!r}{hint} (known: {', '.join(known)})"


@cache
def absent_meanings(model: type[BaseModel]) -> dict[str, Any]:
    """For each field, what its absence from a cell's id means, or `ABSENT`."""
    extras = {name: field.json_schema_extra for name, field in model.model_fields.items()}
    return {
        name: extra.get("absent_means", ABSENT) if isinstance(extra, dict) else ABSENT
        for name, extra in extras.items()
    }


def _number(value: object) -> object:
    """Read a number as its author meant it, so that each has one spelling in a cell's id.

    3e3 is a string to YAML; -0.0 is 0.0; booleans, which Python counts as numbers, are refused.
    """
    if isinstance(value, bool):
        raise ValueError("a number is wanted, not true or false")  # noqa: TRY004
    if isinstance(value, str):
        value = _parsed(value)
    if isinstance(value, int) and abs(value) >= 2**63:
        raise ValueError(f"a number below 2^63 is wanted, found {value}")
    return value + 0.0 if isinstance(value, float) else value


def _parsed(text: str) -> int | float | str:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text


Real = Annotated[float, BeforeValidator(_number)]
Positive = Annotated[Real, Field(gt=0)]
Fraction = Annotated[Real, Field(ge=0, le=1)]
Whole = Annotated[int, BeforeValidator(_number)]
Count = Annotated[Whole, Field(ge=1)]
Depth = Annotated[Whole, Field(ge=1, le=1000)]
"""Layers, stages or blocks; deeper nets are a slip of the pen."""
Name = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=60)]


def named(value: Any) -> Any:
    """Let a bare name stand for an entry with that name and nothing else."""
    return {"name": value} if isinstance(value, str) else value


def added(*, absent_means: Any, default: Any) -> Any:
    """Declare a field that a later version of the protocol added.

    At exactly `absent_means`, the behaviour before the field existed, the field is left out of
    the cell's id, so that old ids live on even when `default` changes. `absent_means` is frozen
    for ever; that of an entry is the entry's canonical form.
    """
    return Field(
        default=default,
        validate_default=True,
        json_schema_extra={"absent_means": absent_means},
    )
