"""The database of a study, made anew from result files and put in place whole."""

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import Any, Final

import duckdb

import emc
from emc.errors import EmcError
from emc.records import Failure
from emc.store.atomic import write_atomically
from emc.store.columns import (
    CELLS,
    CERTIFICATES,
    ESTIMATES,
    GENERALISATION,
    PROBES,
    Column,
    Table,
)
from emc.store.failures import failures
from emc.store.layout import REMADE_BY, CellFiles, Results, log_of
from emc.store.tables import read_table
from emc.study.claims import AskedClaim
from emc.warehouse.claims import load_claims
from emc.warehouse.datasets import load_datasets
from emc.warehouse.loading import create, load_estimates, load_failures, load_parquet
from emc.warehouse.refits import load_refits
from emc.warehouse.relations import comments, quoted
from emc.warehouse.runs import RUNS
from emc.warehouse.sizes import fill_sizes
from emc.warehouse.table_files import TableFiles
from emc.warehouse.views import VIEWS

VERSIONS: Final = Table(
    "versions",
    "The software that made this database.",
    ("component",),
    (
        Column("component", "text", "name of the program or package"),
        Column("version", "text", "its version; `absent` where it is not installed"),
    ),
)

_COMPONENTS: Final = ("torch", "numpy", "scipy", "polars", "duckdb", "altair")
_CONFIG: Final[dict[str, Any]] = {
    "memory_limit": "1500MB",
    "threads": 1,  # what the job asks for; and interrupted in several, DuckDB 2.0 can wait for ever
    # The oldest format: DuckDB 1.1 and all that follow read every table. 1.0 fails at a column of
    # lists that are all empty, in whatever format.
    "storage_compatibility_version": "v1.0.0",
}


def build(
    database: Path,
    cells: Path,
    results: Results,
    settings: str,
    claims: Sequence[AskedClaim] = (),
    *,
    seeds: int = 0,
) -> None:
    """Write the DuckDB file of a study: its tables, its views, a comment on every column.

    `cells` is the plan. Every planned cell whose estimate lies in `results` counts as measured;
    the others stay in the table `cells` and in the view `missing`, those that failed in the table
    `failures` too. `settings` names the certificates that are wanted; `seeds` is the number of
    runs per cell on the whole training set. The file is built beside its place and takes it when
    whole.

    Raises:
        EmcError: a file is missing, damaged, foreign to the study or at odds with another.
    """
    planned = read_table(cells, CELLS, REMADE_BY)["cell"]
    folders = [results.cell(cell) for cell in planned]
    failed = [one for files in folders for one in failures(files, settings, seeds)]
    with write_atomically(database) as partial:
        partial.unlink()  # DuckDB makes its own file and takes no empty one
        with duckdb.connect(partial, config=_CONFIG) as connection:
            load_parquet(connection, TableFiles(CELLS, [cells]))
            _load_results(connection, folders, failed, settings, seeds)
            load_failures(connection, failed)
            load_refits(connection)
            load_datasets(connection, results)
            fill_sizes(connection)
            load_claims(connection, claims)
            _describe_versions(connection)
            _create_views(connection)
        # What a killed program noted of changes goes with the file that is replaced.
        log_of(database).unlink(missing_ok=True)


def _load_results(
    connection: duckdb.DuckDBPyConnection,
    folders: Sequence[CellFiles],
    failed: Sequence[Failure],
    settings: str,
    seeds: int,
) -> None:
    """Load what there is; what a failed stage left is empty and no result."""
    without = {(one.cell, one.stage) for one in failed}
    measured = [
        files
        for files in folders
        if (files.folder.name, "measure") not in without and files.estimate.exists()
    ]
    certified = [
        files.certificate(settings)
        for files in measured
        if (files.folder.name, "certify") not in without and files.certificate(settings).exists()
    ]
    load_parquet(connection, TableFiles(PROBES, [files.probes for files in measured]))
    load_estimates(connection, TableFiles(ESTIMATES, [files.estimate for files in measured]))
    load_parquet(connection, TableFiles(CERTIFICATES, certified))
    tested = [
        files.generalisation(seeds)
        for files in measured
        if (files.folder.name, "generalise") not in without and files.generalisation(seeds).exists()
    ]
    load_parquet(connection, TableFiles(GENERALISATION, tested))
    _refuse_contradictions(connection)


def _refuse_contradictions(connection: duckdb.DuckDBPyConnection) -> None:
    """Refuse probes and estimates that are not of the same measurement."""
    found = connection.execute(
        "SELECT cell, coalesce(e.probes, 0), coalesce(p.probes, 0) FROM estimates AS e"
        " FULL JOIN (SELECT cell, count(*) AS probes FROM probes GROUP BY cell) AS p USING (cell)"
        " WHERE e.probes IS DISTINCT FROM p.probes ORDER BY cell LIMIT 1"
    ).fetchone()
    if found:
        raise EmcError(
            f"cell {found[0]}: its estimate counts {found[1]} probes, its table has {found[2]};"
            f" remove both files: {REMADE_BY} remakes them"
        )


def _describe_versions(connection: duckdb.DuckDBPyConnection) -> None:
    create(connection, VERSIONS)
    connection.executemany("INSERT INTO versions VALUES (?, ?)", list(_versions().items()))


def _create_views(connection: duckdb.DuckDBPyConnection) -> None:
    for view in (*VIEWS, RUNS):
        connection.execute(f"CREATE VIEW {quoted(view.name)} AS {view.query}")
        for statement in comments(view):
            connection.execute(statement)


def _versions() -> dict[str, str]:
    own = {"emc": emc.__version__, "python": python_version()}
    return own | {name: _version(name) for name in _COMPONENTS}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"
