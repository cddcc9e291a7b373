"""Docstrings below fields become descriptions, and nothing else does."""

from typing import ClassVar

from emc.study.descriptions import Described, docstrings
from emc.study.strict import Strict


class Base(Strict):
    """A model."""

    first: int
    """One line
    and another."""
    bare: int = 0

    @property
    def third(self) -> int:
        """No field."""
        return 3


class Derived(Base):
    constant: ClassVar[int] = 1
    """No key of a study."""
    second: int = 2
    """Its own."""
    first: int = 1
    """Another meaning."""


class Holder(Strict):
    part: Base
    """A part."""


def test_a_field_has_the_string_below_it() -> None:
    assert docstrings(Base) == {"first": "One line\nand another."}


def test_fields_are_inherited_and_written_over() -> None:
    assert docstrings(Derived) == {"first": "Another meaning.", "second": "Its own."}


def test_the_schema_describes_keys_of_all_models() -> None:
    made = Holder.model_json_schema(schema_generator=Described)
    assert made["properties"]["part"] == {"$ref": "#/$defs/Base", "description": "A part."}
    base = made["$defs"]["Base"]["properties"]
    assert base["first"]["description"] == docstrings(Base)["first"]
    assert "description" not in base["bare"]
