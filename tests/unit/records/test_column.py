"""Columns follow from the fields of a record, and a record comes back from its row."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import pytest
from tests.unit.store.examples import probe, run

from emc.records import Probe
from emc.records.column import Column, column, columns, from_row, marked, part, row


class Colour(StrEnum):
    RED = "red"


class Pair(NamedTuple):
    first: int | None
    last: float


@dataclass(frozen=True, kw_only=True)
class Inner:
    colour: Colour = column("what it looks like")
    many: tuple[float, ...] = column("all of them", unit="seconds")


@dataclass(frozen=True, kw_only=True)
class Outer:
    count: int | None = column("how many")
    double: int | None = column("twice as many", init=False)
    pairs: tuple[Pair, Pair] = marked("{part} at {mark}", {"1": "one", "2": "two"})
    inner: Inner | None = part("inner_")
    unsaid: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "double", self.count and 2 * self.count)


OUTER = Outer(
    count=3, pairs=(Pair(None, 0.5), Pair(1, 1.5)), inner=Inner(colour=Colour.RED, many=(1.0,))
)


def test_types_tell_the_kind_and_whether_a_column_may_be_empty() -> None:
    assert columns(Outer) == (
        Column("count", "whole", "how many", True),
        Column("double", "whole", "twice as many", True),
        Column("first_1", "whole", "first at one", True),
        Column("last_1", "real", "last at one"),
        Column("first_2", "whole", "first at two", True),
        Column("last_2", "real", "last at two"),
        Column("inner_colour", "text", "what it looks like", True),
        Column("inner_many", "reals", "all of them", True, "seconds"),
    )


def test_a_record_comes_back_from_its_row() -> None:
    flat = row(OUTER)
    assert list(flat) == [one.name for one in columns(Outer)]
    assert (flat["double"], flat["last_2"], flat["inner_colour"]) == (6, 1.5, "red")
    again = from_row(Outer, {**flat, "inner_many": [1.0]})
    assert again == OUTER
    assert again.inner is not None
    assert isinstance(again.inner.colour, Colour)


def test_a_part_that_is_not_there_is_empty() -> None:
    without = Outer(count=None, pairs=OUTER.pairs, inner=None)
    assert row(without)["inner_many"] is None
    assert from_row(Outer, row(without)) == without


def test_a_row_with_other_columns_is_refused() -> None:
    flat = row(OUTER)
    with pytest.raises(KeyError, match="another"):
        from_row(Outer, {**flat, "another": 1})
    del flat["count"]
    with pytest.raises(KeyError, match="count"):
        from_row(Outer, flat)


def test_every_number_of_a_run_is_a_column_of_the_probes() -> None:
    assert set(row(run())) < {one.name for one in columns(Probe)}
    assert from_row(Probe, row(probe(1, 2))) == probe(1, 2)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"count": "3"}, 'count: expected a whole number, found "3"'),
        ({"count": 3.0}, "count: expected a whole number, found 3.0"),
        ({"count": True}, "count: expected a whole number, found true"),
        ({"last_2": None}, "last_2: expected a number, found null"),
        ({"last_2": False}, "last_2: expected a number, found false"),
        ({"inner_colour": 7}, "inner_colour: expected a text, found 7"),
        ({"inner_colour": None}, "colour: expected a text, found null"),
        ({"inner_many": 1.0}, "inner_many: expected a list of numbers, found 1.0"),
        ({"inner_many": [1.0, "2"]}, r'inner_many: expected a list of numbers, found \[1.0, "2"\]'),
    ],
)
def test_a_value_of_another_type_is_told(changes: dict[str, object], told: str) -> None:
    with pytest.raises(TypeError, match=f"^{told}$"):
        from_row(Outer, {**row(OUTER), **changes})


def test_whole_numbers_are_numbers() -> None:
    assert from_row(Outer, {**row(OUTER), "last_2": 2}).pairs[1].last == 2
