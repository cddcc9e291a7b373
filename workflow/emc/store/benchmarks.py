"""What Snakemake noted of a job's run: tables of one row, tab-separated."""

import csv
from pathlib import Path


def peak_megabytes(path: Path) -> float | None:
    """Most memory that a job held, resident; None where nothing, or nothing legible, was noted."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        return float(rows[-1]["max_rss"])
    except (OSError, UnicodeDecodeError, csv.Error, IndexError, KeyError, TypeError, ValueError):
        return None
