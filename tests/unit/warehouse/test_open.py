"""A database answers questions and nothing else."""

import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from tests.until import interrupted

from emc.errors import EmcError
from emc.warehouse import RELATIONS, open_database


def test_sql_takes_parameters(warehouse):
    frame = warehouse.sql("SELECT $a + $b AS sum", a=1, b=2)
    assert frame.to_dicts() == [{"sum": 3}]


def test_an_unknown_view_lists_the_known(warehouse):
    with pytest.raises(
        EmcError, match=r"view or table: expected one of emc, missing, .*, found 'emcs'"
    ):
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
    with pytest.raises(
        EmcError, match=r"emc\.duckdb: expected columns of different names.*" + found
    ):
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
    with pytest.raises(EmcError, match="expected one SELECT"):
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
    run = "no such database; `emc run"
    with pytest.raises(EmcError, match=f"{run} FILE`, with the file of study 'a', makes it"):
        open_database(path)
    with pytest.raises(EmcError, match=f"{run} 'my study.yaml'` makes it"):
        open_database(path, Path("my study.yaml"))
    assert not path.exists()


def test_only_what_a_rule_makes_is_said_to_be_remade(tmp_path):
    own = tmp_path / "results" / "studies" / "a" / "emc.duckdb"
    other = tmp_path / "passwd"
    own.parent.mkdir(parents=True)
    for path in (own, other):
        path.write_bytes(b"no database" * 1000)
    with pytest.raises(EmcError, match=r"cannot be opened .*remove it: `emc run .*remakes it"):
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
    advice = r"emc\.duckdb: cannot be .*remove it: `emc run a\.yaml` remakes it"
    with pytest.raises(EmcError, match=advice):
        _read_all(path)


def _read_all(path):
    with open_database(path, Path("a.yaml")) as database:
        for table in ("cells", "probes", "estimates", "rates", "certificates"):
            database.sql(f"SELECT * FROM {table}")


ASKS = """
import sys
from pathlib import Path
from emc.warehouse import open_database

with open_database(Path(sys.argv[1])) as database:
    try:
        print("ready", flush=True)
        database.sql("SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b")
    except KeyboardInterrupt:
        print("as the user asked", flush=True)
"""


def test_queries_run_in_one_thread(warehouse):
    """Interrupted in two, a quarter of them never ended."""
    assert warehouse.sql("SELECT current_setting('threads')").item() == 1


def test_a_query_that_is_interrupted_ends_as_the_user_asked(study):
    command = [sys.executable, "-c", ASKS, study.database]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert interrupted(process) == "as the user asked"


def test_a_database_of_something_else_is_refused_and_let_go(tmp_path):
    path = tmp_path / "other.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute("CREATE TABLE cells (id INTEGER)")
    wanted = "no database of a study: it has no table or view 'probes', 'estimates', 'rates', 'emc'"
    with pytest.raises(EmcError, match=wanted):
        open_database(path)
    with duckdb.connect(path) as connection:
        connection.execute("DROP TABLE cells")


def test_a_database_of_another_version_is_told_as_such(study, tmp_path):
    folder = tmp_path / "results/studies/made-up"
    folder.mkdir(parents=True)
    path = Path(shutil.copy(study.database, folder))
    with duckdb.connect(path) as connection:
        connection.execute("DROP VIEW emc; CREATE VIEW emc AS SELECT cell FROM cells")
    wanted = (
        "another version of the program made it: 'emc' has no column 'sections'; remove it:"
        " `emc run s.yaml` remakes it"
    )
    with open_database(path, Path("s.yaml")) as old, pytest.raises(EmcError, match=wanted):
        old.sql("SELECT emc50 FROM emc")
    with open_database(study.database) as new, pytest.raises(EmcError, match='"nothing" not fou'):
        new.sql("SELECT nothing FROM emc")


def test_a_process_that_reads_ends_in_silence(study):
    # polars and DuckDB 2.0 together can print pages of leaked names at exit.
    program = (
        "import sys; from pathlib import Path; from emc.warehouse import open_database;"
        "print(len(open_database(Path(sys.argv[1])).view('cells')))"
    )
    command = [sys.executable, "-c", program, str(study.database)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), done.stderr) == (str(len(study.planned)), "")


def test_a_database_that_another_program_writes_to_is_whole(study, tmp_path):
    path = _placed(study, tmp_path)
    writer = subprocess.Popen(
        [sys.executable, "-c", HOLDS, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout.readline() == "open\n"
    with pytest.raises(EmcError, match="another program has it open for writing") as caught:
        open_database(path)
    writer.communicate("")
    assert "remove" not in str(caught.value)
    with open_database(path) as opened:
        assert opened.count("cells")


HOLDS = """
import duckdb, sys
with duckdb.connect(sys.argv[1]):
    print("open", flush=True)
    sys.stdin.read()
"""


def test_changes_that_a_killed_program_left_go_with_its_file_only(study, tmp_path):
    path = _placed(study, tmp_path)
    subprocess.run([sys.executable, "-c", DIES, path], check=False)
    log = path.with_name("emc.duckdb.wal")
    assert log.exists()
    path.write_bytes(study.database.read_bytes())
    with duckdb.connect(path) as writer:
        left = log.rename(tmp_path / "log")
        writer.execute("CREATE TABLE other AS SELECT 1 AS a")
    left.rename(log)
    with pytest.raises(EmcError, match=rf"was killed, and left changes .*; remove {log}$"):
        open_database(path)
    log.unlink()
    with open_database(path) as opened:
        assert opened.count("cells")


DIES = """
import duckdb, os, signal, sys
database = duckdb.connect(sys.argv[1])
database.execute("PRAGMA wal_autocheckpoint='1TB'")
database.execute("CREATE TABLE mine AS SELECT 42 AS a")
os.kill(os.getpid(), signal.SIGKILL)
"""


def _placed(study, tmp_path):
    path = tmp_path / "results" / "studies" / "a" / "emc.duckdb"
    path.parent.mkdir(parents=True)
    path.write_bytes(study.database.read_bytes())
    return path


def test_older_clients_know_the_format(warehouse):
    (tags,) = warehouse.sql(
        "SELECT tags::JSON::VARCHAR FROM duckdb_databases() WHERE path IS NOT NULL"
    )
    assert "v1.0.0" in tags.item()


@pytest.mark.slow
def test_an_older_client_reads_every_table_and_view(study, tmp_path):
    if not _installed("duckdb==1.1.*", tmp_path):
        pytest.skip("duckdb 1.1 cannot be had")
    relations = ",".join(relation.name for relation in RELATIONS)
    done = subprocess.run(
        [sys.executable, "-c", READS, study.database, relations],
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("1.1.")
    with open_database(study.database) as opened:
        counts = [opened.count(relation.name) for relation in RELATIONS]
    assert done.stdout.split()[1:] == [str(count) for count in counts]


def _installed(requirement, folder):
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:"]
    command = [*pip, "--target", folder, requirement]
    try:
        return not subprocess.run(command, capture_output=True, check=False, timeout=300).returncode
    except subprocess.TimeoutExpired:
        return False


READS = """
import duckdb, sys
database = duckdb.connect(sys.argv[1], read_only=True)
print(duckdb.__version__)
for name in sys.argv[2].split(","):
    print(len(database.execute(f"SELECT * FROM {name}").fetchall()))
"""
