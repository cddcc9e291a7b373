"""The base of every model of a study file: unknown keys are errors, values never change."""

from difflib import get_close_matches
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, model_validator


class Strict(BaseModel):
    """A part of a study file."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        known = cls.model_fields
        for key in value:
            if key not in known:
                raise ValueError(unknown("key", str(key), list(known)))
        return value


def is_canonical(info: ValidationInfo) -> bool:
    """Whether what is validated was written from a model that had passed as part of a study."""
    return bool(info.context and info.context.get("canonical"))


def unknown(kind: str, found: str, known: list[str]) -> str:
    """The message for a word that is not one of the known ones, with the nearest of them."""
    spelled = {each.lower(): each for each in known}
    near = get_close_matches(found.lower(), spelled, n=1, cutoff=0.6)
    hint = f"; did you mean {spelled[near[0]]!r}?" if near else ""
    return f"expected one of {', '.join(known)}, found the {kind} {found!r}{hint}"


def _number(value: object) -> object:
    """Read a number as its author meant it, so that each has one spelling in a cell's id.

    3e3 is a string to YAML; -0.0 is 0.0; booleans, which Python counts as numbers, are refused.
    """
    if isinstance(value, bool):
        raise ValueError("expected a number, not true or false")  # noqa: TRY004
    if isinstance(value, str):
        value = _parsed(value)
    if isinstance(value, int) and abs(value) >= 2**63:
        raise ValueError(f"expected a number below 2^63, found {value}")
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
BelowOne = Annotated[Real, Field(ge=0, lt=1)]
Whole = Annotated[int, BeforeValidator(_number)]
Count = Annotated[Whole, Field(ge=1)]
Several = Annotated[Whole, Field(ge=2)]
Depth = Annotated[Whole, Field(ge=1, le=1000)]
"""Layers, stages or blocks; deeper nets are a slip of the pen."""
Name = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=60)]


def named(value: Any) -> Any:
    """Let a bare name stand for an entry with that name and nothing else."""
    return {"name": value} if isinstance(value, str) else value
