"""Print one cell."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

import polars as pl
from rich.table import Table
from rich.text import Text

from emc.cli.console import counted, show
from emc.cli.remarks import remarks
from emc.errors import EmcError
from emc.measurement.state import Status, state
from emc.records import Estimate, Outcome
from emc.store.columns import CERTIFICATES, PROBES
from emc.store.failures import read_failure
from emc.store.layout import REMADE_BY, CellFiles, Results
from emc.store.tables import read_table


def print_cell(beginning: str, results: Path) -> None:
    """Estimate, learning rates, probes by size and certificates of a cell, and what failed.

    Raises:
        EmcError: no cell or several begin so, or a file of the cell is damaged.
    """
    files = _find(beginning, results)
    now = state(files)
    if now.status is Status.DAMAGED:
        raise EmcError(now.reason)
    show(Text(files.folder.name, style="bold"))
    if now.estimate is None:
        probes = counted(len(now.probes), "probe")
        show(f"{now.status}, {probes} so far. {now.reason}")
        return
    found = now.estimate
    show(_estimate(found), *found.doubts, *remarks(found, Results(results)))
    show(_rates(found), _probes(files), *_certificates(files), *_failures(files))


def _find(beginning: str, results: Path) -> CellFiles:
    places = Results(results)
    known = places.known_cells
    hits = [name for name in known if name.startswith(beginning)]
    if beginning in hits:
        hits = [beginning]
    if len(hits) != 1:
        raise EmcError(f"cell {beginning!r}: {_which(hits, known, places.cells)}")
    return places.cell(hits[0])


def _which(hits: list[str], known: list[str], cells: Path) -> str:
    if hits:
        return f"{len(hits)} cells in {cells} begin so: {', '.join(hits[:5])} ..."
    if not known:
        return f"{cells} holds no cells yet"
    return f"none of {counted(len(known), 'cell')} in {cells} begins so; one is {known[0]}"


def _estimate(found: Estimate) -> Table:
    table = Table("estimate", "", box=None)
    for name, value in asdict(found).items():
        if name not in {"cell", "rates"}:
            table.add_row(name, _shown(value, 5))
    return table


def _rates(found: Estimate) -> Table:
    return _tabled(
        ("learning rate", "emc50", "low", "high", "probes"),
        ((rate.lr, rate.emc50, rate.low, rate.high, rate.probes) for rate in found.rates),
    )


def _probes(files: CellFiles) -> Table:
    frame = read_table(files.probes, PROBES, REMADE_BY)
    counted = (
        frame.group_by("lr", "n")
        .agg(
            pl.len().alias("probes"),
            *((pl.col("outcome") == name).sum().alias(name.value) for name in Outcome),
            pl.col("accuracy").mean(),
        )
        .sort("lr", "n")
    )
    return _tabled(counted.columns, counted.rows())


_CERTIFIED = (
    "n",
    "outcome",
    "verdict",
    "lambda_min",
    "lambda_max",
    "reason",
)


def _certificates(files: CellFiles) -> Iterator[str | Table]:
    """The table of each settings' certificates, except those that failed."""
    for path in sorted(files.folder.glob("certificate-*.parquet")):
        settings = path.stem.removeprefix("certificate-")
        if path.stat().st_size or not files.failure(f"certify-{settings}").exists():
            found = read_table(path, CERTIFICATES, REMADE_BY).select(_CERTIFIED)
            yield f"{counted(len(found), 'certificate')} of settings {settings}"
            yield _tabled(found.columns, found.rows())


def _failures(files: CellFiles) -> Iterator[str]:
    for path in sorted(files.folder.glob("failure-*.json")):
        failure = read_failure(path)
        asked = path.stem.removeprefix("failure-").removeprefix(failure.stage).removeprefix("-")
        kind = "seeds" if failure.stage == "generalise" else "settings"
        of = f" ({kind} {asked})" if asked else ""
        yield f"{failure.stage} failed{of}: {failure.reason}"


def _tabled(heads: Iterable[str], rows: Iterable[Iterable[object]]) -> Table:
    table = Table(*heads, box=None)
    for row in rows:
        table.add_row(*(_shown(value, 4) for value in row))
    return table


def _shown(value: object, digits: int) -> str:
    if value is None:
        return "-"
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value)
