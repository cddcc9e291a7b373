"""A database answers questions and nothing else."""

import os
import signal
import subprocess
import sys
from threading import Timer

import duckdb
import pytest

from emc.errors import EmcError
from emc.warehouse import open_database


def test_sql_takes_parameters(warehouse):
    frame = warehouse.sql("SELECT $a + $b AS sum", a=1, b=2)
    assert frame.to_dicts() == [{"sum": 3}]


def test_an_unknown_view_lists_the_known(warehouse):
    with pytest.raises(EmcError, match="no view or table 'emcs': there are emc, missing"):
        warehouse.view("emcs")


def test_a_mistake_in_sql_is_the_users_to_mend(warehouse):
    with pytest.raises(EmcError, match=r"emc\.duckdb: .*emc51"):
        warehouse.sql("SELECT emc51 FROM emc")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("SELECT cell, emc50, low, high, * FROM emc", "found 'cell', 'emc50', 'low', 'high' more"),
        ("SELECT 1 AS a, 2 AS a", "found 'a' more than once: leave one out, or rename it"),
    ],
)
def test_a_column_given_twice_is_the_users_to_mend(warehouse, query, found):
    with pytest.raises(EmcError, match=r"emc\.duckdb: columns of different names.*" + found):
        warehouse.sql(query)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "SELECT 1; SELECT 2",
        "DELETE FROM cells",
        "CREATE TEMP TABLE mine AS SELECT 1",
        "ATTACH 'other.duckdb'",
        "COPY cells TO 'cells.csv'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "CALL pragma_version()",
    ],
)
def test_only_one_select_is_allowed(warehouse, query):
    with pytest.raises(EmcError, match="one SELECT is wanted"):
        warehouse.sql(query)


@pytest.mark.parametrize(
    "query",
    [
        "FROM read_csv('/etc/passwd')",
        "FROM '/etc/passwd.csv'",
        "FROM glob('*')",
        "FROM read_text('x')",
    ],
)
def test_no_file_can_be_read(warehouse, query):
    with pytest.raises(EmcError, match="disabled by configuration"):
        warehouse.sql(query)


def test_python_variables_are_no_tables(warehouse):
    hidden = warehouse.view("versions")
    with pytest.raises(EmcError, match="hidden does not exist"):
        warehouse.sql("SELECT * FROM hidden")
    assert len(hidden)


def test_two_readers_at_once(study, warehouse):
    with open_database(study.database) as second:
        assert second.view("emc").equals(warehouse.view("emc"))


def test_a_missing_database_says_what_makes_it(tmp_path):
    path = tmp_path / "results" / "studies" / "a" / "emc.duckdb"
    with pytest.raises(EmcError, match=r"emc\.duckdb: no such database; `snakemake .*` makes it"):
        open_database(path)
    assert not path.exists()


def test_only_what_a_rule_makes_is_said_to_be_remade(tmp_path):
    own = tmp_path / "results" / "studies" / "a" / "emc.duckdb"
    other = tmp_path / "passwd"
    own.parent.mkdir(parents=True)
    for path in (own, other):
        path.write_bytes(b"no database" * 1000)
    with pytest.raises(EmcError, match=r"cannot be opened .*remove it: `snakemake .*` remakes it"):
        open_database(own)
    with pytest.raises(EmcError, match="passwd: no database of a study: ") as caught:
        open_database(other)
    assert "snakemake" not in str(caught.value)
    with pytest.raises(EmcError, match=r"gone: no such database$"):
        open_database(tmp_path / "gone")


def test_a_database_that_was_cut_says_how_it_is_remade(study, tmp_path):
    path = tmp_path / "results" / "studies" / "a" / "emc.duckdb"
    path.parent.mkdir(parents=True)
    whole = study.database.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    advice = r"emc\.duckdb: cannot be .*remove it: `snakemake .*emc\.duckdb` remakes it"
    with pytest.raises(EmcError, match=advice):
        _read_all(path)


def _read_all(path):
    with open_database(path) as database:
        for table in ("cells", "probes", "estimates", "rates", "certificates"):
            database.sql(f"SELECT * FROM {table}")


def test_a_query_that_is_interrupted_ends_as_the_user_asked(warehouse):
    Timer(1.0, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        warehouse.sql("SELECT sum(a.range * b.range) FROM range(100000) a, range(100000) b")


def test_a_database_of_something_else_is_refused_and_let_go(tmp_path):
    path = tmp_path / "other.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute("CREATE TABLE cells (id INTEGER)")
    wanted = "no database of a study: it has no table or view 'probes', 'estimates', 'rates', 'emc'"
    with pytest.raises(EmcError, match=wanted):
        open_database(path)
    with duckdb.connect(path) as connection:
        connection.execute("DROP TABLE cells")


def test_a_process_that_reads_ends_in_silence(study):
    # polars and DuckDB 2.0 together can print pages of leaked names at exit.
    program = (
        "import sys; from pathlib import Path; from emc.warehouse import open_database;"
        "print(len(open_database(Path(sys.argv[1])).view('cells')))"
    )
    command = [sys.executable, "-c", program, str(study.database)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), done.stderr) == (str(len(study.planned)), "")
