"""The forms in which a question is answered, and what they cannot show."""

import json
from pathlib import Path

import pytest
from tests.synthetic import SETTINGS, factorial, write_study

from emc.cli.query import print_answer
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


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("INTERVAL 1 DAY", "1 day"),
        ("union_value(k := 1)", "1"),
        ("DATE '5000000-01-01'", "5000000-01-01"),
        ("TIMESTAMP 'infinity'", "infinity"),
        ("TIME '10:00'", "10:00:00"),
        ("'a'::BLOB", "a"),
        ("['a'::BLOB]", "[a]"),
        ("'101'::BIT", "101"),
        ("{'since': INTERVAL 2 DAY}", "2 days"),
        ("MAP {'k': 17}", "17"),
        ("{'k': 17}", "17"),
        ("[[17], [2]]", "17"),
        ("[1, 2]::INT[2]", "2"),
    ],
)
def test_every_type_is_printed_in_every_form(
    study: Path, value: str, text: str, form: str, capfd: pytest.CaptureFixture[str]
) -> None:
    print_answer(study, f"SELECT {value} AS x", study.parent / "results", form)
    told = capfd.readouterr()
    assert text in told.out
    assert told.err == ""
