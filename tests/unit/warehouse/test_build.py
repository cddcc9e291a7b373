"""Result files become one database, or are refused by name."""

import json
import os
import re
import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path
from textwrap import dedent

import polars as pl
import pytest
from tests.synthetic import (
    SETTINGS,
    SyntheticStudy,
    edit_document,
    factorial,
    write_cell,
    write_study,
)

import emc
from emc.errors import EmcError
from emc.measurement.state import read_estimate
from emc.store.columns import CELLS, CERTIFICATES, PROBES
from emc.store.layout import REMADE_BY
from emc.store.tables import read_table, write_table
from emc.warehouse import build, open_database


@pytest.fixture
def pair(tmp_path: Path) -> SyntheticStudy:
    """A study of two cells, to be damaged."""
    return write_study(tmp_path, factorial(labels=["original", "random"]), probes=10)


def rebuild(study: SyntheticStudy) -> None:
    build(study.database, study.cells, study.results, SETTINGS)


def test_tables_hold_what_the_files_hold(study, warehouse):
    measured = study.planned[:-2]
    files = [study.results.cell(plan.id) for plan in measured]
    probes = pl.concat(read_table(file.probes, PROBES, "-") for file in files)
    certified = [file.certificate(SETTINGS) for file in files[:-1]]
    certificates = pl.concat(read_table(path, CERTIFICATES, "-") for path in certified)
    for table, wanted in ((PROBES, probes), (CERTIFICATES, certificates)):
        assert warehouse.view(table.name).equals(wanted.sort(table.key))


def test_estimates_and_rates_hold_what_the_documents_hold(study, warehouse):
    for plan in study.planned[:-2]:
        document = json.loads(study.results.cell(plan.id).estimate.read_text())
        rates = document.pop("rates")
        found = warehouse.sql("SELECT * FROM estimates WHERE cell = $cell", cell=plan.id)
        assert found.row(0, named=True) == document
        found = warehouse.sql("SELECT * EXCLUDE (cell) FROM rates WHERE cell = $cell", cell=plan.id)
        assert found.to_dicts() == rates


BUILDING = """
    import sys
    from pathlib import Path
    import duckdb
    from emc.store.atomic import write_atomically
    with write_atomically(Path(sys.argv[1])) as partial:
        partial.unlink()
        with duckdb.connect(partial) as connection:
            connection.execute("CREATE TABLE rows AS SELECT * FROM range(9)")
            Path(f"{partial}.tmp").mkdir()
            Path(f"{partial}.tmp", "sorted").touch()
            print(flush=True)
            sys.stdin.readline()
"""


def test_what_a_killed_build_left_goes_with_the_next_and_a_living_one_stays(pair):
    """DuckDB has a log and a folder beside its file, and a lock of its own kind."""
    folder = pair.database.parent
    with subprocess.Popen(
        [sys.executable, "-c", dedent(BUILDING), pair.database],
        env={**os.environ, "PYTHONPATH": str(Path(emc.__file__).parents[1])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        other.stdout.readline()
        for path in folder.glob(".*"):
            os.utime(path, (0, 0))
        written = sorted(folder.glob(".*"))
        assert [path.suffix for path in written] == [".part", ".tmp", ".wal"]
        rebuild(pair)
        assert sorted(folder.glob(".*")) == written
        other.kill()
    os.utime(written[0], (0, 0))
    rebuild(pair)
    assert not list(folder.glob(".*"))


def test_planned_cells_without_result_stay_visible(study, warehouse):
    assert len(warehouse.view("cells")) == len(study.planned)
    missing = {plan.id for plan in study.planned[-2:]}
    assert set(warehouse.view("missing")["cell"]) == missing
    unmeasured = warehouse.sql("SELECT * FROM emc WHERE status = 'missing'")
    assert set(unmeasured["cell"]) == missing
    assert unmeasured["emc50"].null_count() == 2


def test_a_study_without_any_result_builds(tmp_path):
    study = write_study(tmp_path, factorial(seed=[0, 1]), unmeasured=2)
    rebuild(study)
    with open_database(study.database) as opened:
        assert opened.view("emc")["status"].to_list() == ["missing", "missing"]
        assert opened.view("label_gap").is_empty()


def test_infinite_and_undefined_numbers_survive(pair):
    first = pair.planned[0].id
    edit_document(
        pair.results.cell(first).estimate, {"seconds": float("inf"), "width": float("nan")}
    )
    rebuild(pair)
    with open_database(pair.database) as opened:
        found = opened.sql("SELECT seconds, width FROM estimates WHERE cell = $cell", cell=first)
    assert found["seconds"][0] == float("inf")
    assert found["width"].is_nan().all()


def test_paths_with_pattern_characters_are_read(tmp_path):
    study = write_study(tmp_path / "wei[r]d * study", factorial(seed=[0]), probes=5)
    rebuild(study)
    with open_database(study.database) as opened:
        assert len(opened.view("probes")) == 5


def test_rebuilding_gives_the_same_content_and_leaves_nothing_beside_it(pair):
    rebuild(pair)
    with open_database(pair.database) as opened:
        before = {name: opened.view(name) for name in ("emc", "probes", "rates", "versions")}
    rebuild(pair)
    with open_database(pair.database) as opened:
        assert all(opened.view(name).equals(frame) for name, frame in before.items())
    assert sorted(path.name for path in pair.database.parent.iterdir()) == [
        "cells.parquet",
        "emc.duckdb",
    ]


def test_certificates_of_other_settings_are_left_out(pair):
    build(pair.database, pair.cells, pair.results, "ffff0000")
    with open_database(pair.database) as opened:
        assert opened.view("certificates").is_empty()
        assert opened.view("emc")["certified"].to_list() == [0, 0]


DAMAGED = [
    ("probes", b""),  # a certificate's only file would be its failure
    *product(("probes", "certificate"), (b"not parquet at all", b"PAR1 cut short PAR1")),
]


@pytest.mark.parametrize(("kind", "content"), DAMAGED)
def test_a_damaged_table_is_refused_by_name(pair, kind, content):
    files = pair.results.cell(pair.planned[1].id)
    path = files.probes if kind == "probes" else files.certificate(SETTINGS)
    path.write_bytes(content)
    with pytest.raises(EmcError, match=r"damaged .*`emc run .* remakes it") as caught:
        rebuild(pair)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_folder_in_the_place_of_a_table_is_refused_by_name(pair):
    path = pair.results.cell(pair.planned[1].id).certificate(SETTINGS)
    path.unlink()
    path.mkdir()
    message = f"{path}: a folder in a file's place; remove it: {REMADE_BY} remakes it"
    with pytest.raises(EmcError, match=f"^{re.escape(message)}$"):
        rebuild(pair)


_RATE = {"lr": 0.1, "emc50": 9.0, "low": 8.0, "high": 11.0, "probes": 10}
MISTYPED = [
    ({"emc50": "many"}, 'emc50: expected a number, found "many"'),
    ({"emc50": True}, "emc50: expected a number, found true"),
    ({"low": [3]}, "low: expected a number, found [3]"),
    ({"saturated": "false"}, 'saturated: expected true or false, found "false"'),
    ({"one_curve": 1}, "one_curve: expected true or false, found 1"),
    ({"probes": 3.5}, "probes: expected a whole number, found 3.5"),
    ({"rounds": "4"}, 'rounds: expected a whole number, found "4"'),
    ({"misfit": 7}, "misfit: expected a text, found 7"),
    ({"back_end": False}, "back_end: expected a text, found false"),
    ({"rates": [_RATE, {**_RATE, "lr": "0.3"}]}, 'lr: expected a number, found "0.3"'),
    ({"rates": [{**_RATE, "probes": True}]}, "probes: expected a whole number, found true"),
]


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1, 2]", b'{"cell": "x"}', b"\xff\xfe\x00", b"null"]
)
def test_a_damaged_estimate_is_refused_by_name(pair, content):
    path = pair.results.cell(pair.planned[0].id).estimate
    path.write_bytes(content)
    with pytest.raises(EmcError, match=r"estimate\.json.*`emc run .* remakes it") as caught:
        rebuild(pair)
    assert pair.planned[0].id in str(caught.value)


def test_an_estimate_without_rates_is_refused(pair):
    path = pair.results.cell(pair.planned[0].id).estimate
    edit_document(path, {"rates": None})
    with pytest.raises(EmcError, match=r"estimate\.json: damaged or not an estimate"):
        rebuild(pair)


@pytest.mark.parametrize(("changes", "told"), MISTYPED)
def test_an_estimate_with_a_value_of_another_type_is_refused(pair, changes, told):
    """DuckDB alone would take most of them for other numbers, or for true or false."""
    path = pair.results.cell(pair.planned[1].id).estimate
    edit_document(path, changes)
    message = f"{path}: {told}; remove it: {REMADE_BY} remakes it"
    with pytest.raises(EmcError, match=f"^{re.escape(message)}$"):
        rebuild(pair)
    with pytest.raises(EmcError, match=re.escape(f"({told}); remove it: {REMADE_BY}")):
        read_estimate(pair.results.cell(pair.planned[1].id))


@pytest.mark.parametrize(
    "changes",
    [
        {"emc50": 99999.0},
        {"low": 0.0},
        {"low": float("nan")},
        {"high": float("inf")},
        {"emc50": float("nan"), "high": float("nan")},
        {"probes": 0},
        {"rates": [{"lr": 0.1, "emc50": 9.0, "low": 10.0, "high": 11.0, "probes": 10}]},
        {"rates": [{"lr": 0.1, "emc50": 9.0, "low": 8.0, "high": 11.0, "probes": -1}]},
    ],
    ids=str,
)
def test_numbers_of_no_measurement_are_refused_by_every_reader(pair, changes):
    files = pair.results.cell(pair.planned[1].id)
    edit_document(files.estimate, changes)
    wanted = r"emc50 .*, interval \[.*\], -?\d+ probes: expected finite 0 < low <= emc50 <= high"
    for reader in (lambda: rebuild(pair), lambda: read_estimate(files)):
        with pytest.raises(EmcError, match=wanted) as caught:
            reader()
        assert str(caught.value).startswith(f"{files.estimate}: ")


def test_an_estimate_without_its_number_is_refused(pair):
    path = pair.results.cell(pair.planned[0].id).estimate
    edit_document(path, {"emc50_budget": None})
    with pytest.raises(EmcError, match=r"estimate\.json: an empty value in a column of estimates"):
        rebuild(pair)


def test_a_table_of_another_schema_is_refused(pair):
    path = pair.results.cell(pair.planned[0].id).probes
    frame = pl.read_parquet(path)
    frame.drop("plateau").with_columns(pl.col("n").cast(pl.Float64), odd=1).write_parquet(path)
    with pytest.raises(
        EmcError,
        match=r"probes\.parquet: columns of a table of probes: expected n \(BIGINT\), plateau"
        r" \(DOUBLE\), found n \(DOUBLE\), odd \(INTEGER\)",
    ):
        rebuild(pair)


def test_an_empty_value_where_none_is_allowed_is_refused(pair):
    path = pair.results.cell(pair.planned[0].id).probes
    pl.read_parquet(path).with_columns(pl.lit(None, pl.Int64).alias("n")).write_parquet(path)
    with pytest.raises(EmcError, match=r"probes\.parquet: an empty value in a column of probes"):
        rebuild(pair)


def test_a_missing_table_is_named(pair):
    pair.results.cell(pair.planned[0].id).probes.unlink()
    with pytest.raises(
        EmcError,
        match=r"probes\.parquet: no such file; `emc run .* makes it",
    ):
        rebuild(pair)


def test_the_plan_is_needed(pair):
    pair.cells.unlink()
    with pytest.raises(
        EmcError,
        match=r"cells\.parquet: no such file; `emc run .* makes it",
    ):
        rebuild(pair)


def test_results_of_an_unplanned_cell_are_refused(pair, tmp_path):
    (stranger,) = factorial(seed=[7])
    folder = pair.results.cell(pair.planned[0].id).folder
    shutil.rmtree(folder)
    write_cell(pair.results, pair.planned[0].id, stranger)
    for path, table in ((folder / "probes.parquet", PROBES),):
        frame = pl.read_parquet(path).with_columns(cell=pl.lit("stranger"))
        write_table(path, table, frame.to_dicts())
    with pytest.raises(EmcError, match=r"probes\.parquet: of cell stranger, which the study does"):
        rebuild(pair)


def test_one_cells_file_in_the_place_of_anothers_is_refused(pair):
    one, other = (pair.results.cell(plan.id) for plan in pair.planned)
    shutil.copy(one.probes, other.probes)
    with pytest.raises(EmcError, match=r"probes\.parquet and .*probes\.parquet: a row of cell"):
        rebuild(pair)


def test_probes_and_estimate_must_agree(pair):
    edit_document(pair.results.cell(pair.planned[0].id).estimate, {"probes": 11})
    with pytest.raises(EmcError, match="its estimate counts 11 probes, its table has 10"):
        rebuild(pair)


def test_a_refusal_keeps_the_old_database(pair):
    rebuild(pair)
    before = pair.database.read_bytes()
    pair.results.cell(pair.planned[0].id).probes.write_bytes(b"broken")
    with pytest.raises(EmcError, match="damaged"):
        rebuild(pair)
    assert pair.database.read_bytes() == before


def test_versions_name_the_code(warehouse):
    versions = dict(warehouse.view("versions").iter_rows())
    assert versions["polars"] == pl.__version__
    assert set(versions) > {"emc", "python", "torch", "duckdb"}


def test_the_plan_keeps_its_columns(warehouse):
    assert warehouse.view("cells").columns == [column.name for column in CELLS.columns]


def test_what_a_killed_writer_noted_goes_with_the_database_that_is_replaced(pair):
    log = pair.database.with_name(f"{pair.database.name}.wal")
    log.write_bytes(b"changes of another file")
    build(pair.database, pair.cells, pair.results, SETTINGS)
    assert not log.exists()
    with open_database(pair.database) as opened:
        assert opened.count("cells") == len(pair.planned)
