"""Print what moved between two studies, or two databases."""

import json
from pathlib import Path

import polars as pl
from rich.table import Table

from emc.cli.console import counted, show
from emc.data.lookup import open_study
from emc.findings.comparison import compare
from emc.records import told_end
from emc.store.layout import Results
from emc.warehouse import Warehouse, open_database

_SHOWN = 40


def print_comparison(one: Path, other: Path, results: Path, *, as_json: bool) -> None:
    """Cells that both measured, those first whose EMC moved beyond its uncertainty.

    Raises:
        EmcError: one of the two is no database and no study with one.
    """
    with _opened(one, results) as first, _opened(other, results) as second:
        found = compare(first, second)
        counts = [first.count("estimates"), second.count("estimates")]
    if as_json:
        print(json.dumps(_document(found, counts), allow_nan=False))
        return
    moved = found.filter("moved")
    print(
        f"{counted(len(found), 'cell')} in both, of {counts[0]:,} and {counts[1]:,};"
        f" {len(moved):,} moved beyond their intervals (p adjusted for the number of cells below"
        " 0.05)"
    )
    if len(moved):
        show(_table(moved))


def _opened(place: Path, results: Path) -> Warehouse:
    """A database, or that of a study file."""
    if place.suffix in {".yaml", ".yml"}:
        return open_database(
            Results(results).study(open_study(place, results).name).database, place
        )
    return open_database(place)


def _document(found: pl.DataFrame, counts: list[int]) -> dict[str, object]:
    return {"measured": counts, "in_both": len(found), "cells": found.to_dicts()}


def _table(moved: pl.DataFrame) -> Table:
    table = Table("cell", "EMC", "95 % interval", "other", "95 % interval", "ratio", "p", box=None)
    for row in moved.head(_SHOWN).iter_rows(named=True):
        table.add_row(
            row["cell"],
            f"{row['emc50']:.4g}",
            _interval(row["low"], row["high"]),
            f"{row['other_emc50']:.4g}",
            _interval(row["other_low"], row["other_high"]),
            f"{row['ratio']:.3g}",
            f"{row['p_holm']:.2g}",
        )
    if len(moved) > _SHOWN:
        table.add_row(f"... and {len(moved) - _SHOWN} more")
    return table


def _interval(low: float | None, high: float | None) -> str:
    return f"{told_end(low, 4)} to {told_end(high, 4)}"
