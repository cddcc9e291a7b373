"""The command `emc` on a measured study, and every script's own help."""

import json
from math import inf

import pytest
from tests.workflow.checkout import ROOT, Checkout

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

TINY = "config/tiny.yaml"


def test_plan_counts_what_is_done(measured: Checkout) -> None:
    said = measured.run("emc", "plan", TINY).stdout
    assert "3 done" in said
    assert "nothing left to measure" in said


def test_plan_of_an_unmeasured_study_knows_no_cost(fresh: Checkout) -> None:
    said = fresh.run("emc", "plan", TINY).stdout
    assert "3 to do" in said
    assert "cost: " in said


def test_query_answers_in_three_forms(measured: Checkout) -> None:
    sql = "SELECT cell, emc50, low, high FROM emc ORDER BY cell"
    table = measured.run("emc", "query", TINY, sql).stdout
    csv = measured.run("emc", "query", TINY, sql, "--csv").stdout
    rows = json.loads(measured.run("emc", "query", TINY, sql, "--json").stdout)
    assert csv.splitlines()[0] == "cell,emc50,low,high"
    assert len(csv.splitlines()) == 4
    assert len(rows) == 3
    known = [row for row in rows if row["emc50"] is not None]
    assert known
    assert all(row["low"] <= row["emc50"] <= (row["high"] or inf) for row in known)
    assert all(row["cell"] in table for row in rows)


@pytest.mark.parametrize("form", ["", "--csv", "--json"])
def test_a_query_whose_reader_has_seen_enough_is_no_error(measured: Checkout, form: str) -> None:
    command = f"emc query {TINY} 'SELECT * FROM range(50000)' {form} | head -c 9"
    done = measured.run("bash", "-o", "pipefail", "-c", command)
    assert len(done.stdout.encode()) == 9
    assert not done.stderr


@pytest.mark.parametrize(
    "sql", ["DROP TABLE cells", "COPY cells TO 'x.csv'", "SELECT * FROM read_csv('/etc/passwd')"]
)
def test_query_changes_nothing_and_reads_no_other_file(measured: Checkout, sql: str) -> None:
    done = measured.run("emc", "query", TINY, sql, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")


def test_show_prints_a_cell_by_the_beginning_of_its_id(measured: Checkout) -> None:
    said = measured.run("emc", "show", "digits-random-mlp4").stdout
    assert "emc50" in said
    assert "verdict" in said


def test_show_of_an_unknown_cell_names_one_that_exists(measured: Checkout) -> None:
    done = measured.run("emc", "show", "nonsense", check=False)
    assert done.returncode == 2
    assert "none of 3 cells" in done.stderr


SCRIPTS = [f"scripts/{path.name}" for path in (ROOT / "scripts").glob("*.py")]
MODULES = [
    f"emc.scripts.{path.stem}"
    for path in (ROOT / "workflow/emc/scripts").glob("*.py")
    if path.stem != "__init__"
]


@pytest.mark.parametrize("call", [*sorted(SCRIPTS), *(f"-m {one}" for one in sorted(MODULES))])
def test_every_script_runs_by_hand(fresh: Checkout, call: str) -> None:
    said = fresh.run("python", "-P", *call.split(), "--help").stdout
    assert "usage:" in said
