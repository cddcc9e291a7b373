"""Columns come back as the rows that they were."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emc.report.columnar import columnar, transposed

COLUMN = st.sampled_from(
    [st.integers(), st.text(max_size=3), st.sampled_from(["a", "b"]), st.booleans()]
).flatmap(lambda values: st.lists(st.none() | values, min_size=6, max_size=6))


def restored(table: dict[str, Any]) -> list[dict[str, Any]]:
    """What assets/columns.js does."""

    def value(column: dict[str, Any], row: int) -> Any:
        if "same" in column:
            return column["same"]
        if "levels" in column:
            return column["levels"][column["at"][row]]
        return column["values"][row]

    return [
        {name: value(column, row) for name, column in table["columns"].items()}
        for row in range(table["rows"])
    ]


@given(st.dictionaries(st.sampled_from("xyz"), COLUMN, min_size=1), st.integers(0, 6))
def test_rows_survive(columns, count):
    rows = [{name: values[row] for name, values in columns.items()} for row in range(count)]
    assert restored(columnar(transposed(rows))) == rows


@pytest.mark.parametrize(
    ("values", "form"),
    [([5, 5, 5], {"same": 5}), (["a", "b", "a", "b"], {"levels": ["a", "b"], "at": [0, 1, 0, 1]})],
)
def test_repeated_values_take_a_short_form(values, form):
    assert columnar({"x": values})["columns"] == {"x": form}


def test_distinct_values_stay_as_they_are():
    assert columnar({"x": [1, 2, 3]})["columns"] == {"x": {"values": [1, 2, 3]}}
