"""What Snakemake noted of a job's run: tables of one row, tab-separated."""

import csv
from math import inf
from pathlib import Path


def peak_megabytes(path: Path) -> float | None:
    """Most memory that a job held, resident; None where nothing, or nothing legible, was noted."""
    return _noted(path, "max_rss")


def wall_seconds(path: Path) -> float | None:
    """Time that a job's last run took; None as above."""
    return _noted(path, "s")


def _noted(path: Path, column: str) -> float | None:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        number = float(rows[-1][column])
    except (OSError, UnicodeDecodeError, csv.Error, IndexError, KeyError, TypeError, ValueError):
        return None
    return number if 0 <= number < inf else None
