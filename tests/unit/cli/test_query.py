"""The forms in which a question is answered, and what they cannot show."""

import json
from pathlib import Path

import pytest
from tests.synthetic import SETTINGS, factorial, write_study

from emc.cli.query import print_answer
from emc.errors import EmcError
from emc.warehouse import build

FORMS = ("table", "csv", "json")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study file, with its results beside it."""
    folder = tmp_path_factory.mktemp("query")
    made = write_study(folder / "results", factorial(seed=[0]))
    build(made.database, made.cells, made.results, SETTINGS)
    file = folder / "any.yaml"
    cell = "{dataset: digits, architecture: linear}"
    file.write_text(f"study: {made.name}\nsections: {{a: {{cells: [{cell}]}}}}\n")
    return file


def said(study: Path, sql: str, form: str, capsys: pytest.CaptureFixture[str]) -> str:
    print_answer(study, sql, study.parent / "results", form)
    return capsys.readouterr().out


def test_the_forms(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sql = "SELECT 1 AS a, [2, 3] AS b, NULL AS c UNION ALL SELECT 4, [], 'd'"
    assert said(study, sql, "csv", capsys) == 'a,b,c\n1,2 3,\n4,"",d\n'
    rows = [{"a": 1, "b": [2, 3], "c": None}, {"a": 4, "b": [], "c": "d"}]
    assert json.loads(said(study, sql, "json", capsys)) == rows
    table = said(study, sql, "table", capsys)
    assert all(word in table for word in ("[2, 3]", "null", "d"))


def test_rows_of_nothing_are_lines(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sql = "SELECT NULL AS a UNION ALL SELECT NULL"
    assert said(study, sql, "csv", capsys) == "a\n\n\n"


REFUSED = [
    ("{'k': 1}", ["csv"], "nested data"),
    ("[[1], [2]]", ["csv"], "cannot cast List type"),
    ("MAP {'k': 1}", ["csv"], r"map\[str, i32\]"),
    ("'a'::BLOB", ["csv", "json"], "[Bb]inary"),
    ("['a'::BLOB]", ["json"], "Binary"),
    ("INTERVAL 1 DAY", FORMS, "month_day_nano_interval"),
    ("union_value(k := 1)", FORMS, "Union"),
    ("DATE '5000000-01-01'", FORMS, "out-of-range date"),
    ("TIMESTAMP 'infinity'", FORMS, "out-of-range datetime"),
]


@pytest.mark.parametrize(
    ("value", "form", "found"),
    [(value, form, found) for value, forms, found in REFUSED for form in forms],
)
def test_what_a_form_cannot_show_is_the_users_to_cast(
    study: Path, value: str, form: str, found: str, capsys: pytest.CaptureFixture[str]
) -> None:
    message = rf"^the answer has what cannot be printed as {form} \([^\n]*{found}[^\n]*\): cast"
    with pytest.raises(EmcError, match=message):
        said(study, f"SELECT {value} AS x", form, capsys)
    assert not capsys.readouterr().out
    assert "x" in said(study, f"SELECT ({value})::VARCHAR AS x", form, capsys)
