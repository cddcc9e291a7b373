"""The numbers at the top of the page."""

from typing import Any, Final, NamedTuple

from emc.findings import effects
from emc.warehouse import Warehouse

SENTENCES: Final = 5

_NUMBERS: Final = """
SELECT count(*) AS planned, count(emc50) AS measured,
  count(*) FILTER (saturated OR below_smallest) AS bounds,
  coalesce(sum(probes), 0)::BIGINT AS probes,
  coalesce(sum(gradient_evaluations), 0)::DOUBLE AS gradients,
  coalesce(sum(seconds), 0)::DOUBLE AS seconds,
  sum(failures_examined)::BIGINT AS examined,
  sum(failures_certified)::BIGINT AS at_minimum,
  sum(failures_unfinished)::BIGINT AS unfinished,
  min(per_parameter) FILTER (NOT saturated AND NOT below_smallest) AS least,
  max(per_parameter) FILTER (NOT saturated AND NOT below_smallest) AS most
FROM emc
"""


_FAILED: Final = "SELECT stage, count(*) AS cells FROM failures GROUP BY stage ORDER BY stage"


class Tile(NamedTuple):
    """A number, what it counts, and what failed of it."""

    number: str
    meaning: str
    failed: str = ""


def tiles(warehouse: Warehouse) -> list[Tile]:
    """What was measured, in five numbers at most."""
    row = warehouse.sql(_NUMBERS).row(0, named=True)
    shown = [
        Tile(f"{row['measured']:,} of {row['planned']:,}", "cells measured", _failed(warehouse)),
        Tile(f"{row['probes']:,}", f"probes, {_duration(row['seconds'])} of training"),
        Tile(_large(row["gradients"]), "per-sample gradients"),
    ]
    if row["least"] is not None:
        span = f"{row['least']:.2g} to {row['most']:.2g}"
        shown.append(Tile(span, f"samples fitted per parameter{_bounds(row)}"))
    if row["examined"]:
        count = f"{row['at_minimum']:,} of {row['examined']:,}"
        meaning = f"examined failures stopped at a minimum, {row['unfinished']:,} were unfinished"
        shown.append(Tile(count, meaning))
    return shown


def sentences(warehouse: Warehouse) -> list[str]:
    """The largest certain effects over matched cells, in words with their numbers."""
    certain = [made.sentence for made in effects(warehouse) if made.certain]
    return certain[:SENTENCES]


def _failed(warehouse: Warehouse) -> str:
    """How many cells failed at which stage."""
    stages = warehouse.sql(_FAILED).iter_rows()
    return ", ".join(f"{cells:,} failed at {stage}" for stage, cells in stages)


def _bounds(row: dict[str, Any]) -> str:
    return f", without {row['bounds']:,} bounds" if row["bounds"] else ""


def _duration(seconds: float) -> str:
    for unit, size in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} seconds"


def _large(count: float) -> str:
    for unit, size in (("trillion", 1e12), ("billion", 1e9), ("million", 1e6)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count:,.0f}"
