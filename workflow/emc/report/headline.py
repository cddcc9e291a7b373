"""What the page says first: numbers, and sentences that a reader can repeat."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from emc.figures.frames import named
from emc.findings import effects
from emc.findings.effects import ratio_in_words
from emc.warehouse import Warehouse

SENTENCES: Final = 5
UNCERTAIN: Final = 2
"""Effects that are told where none is certain."""

ENOUGH: Final = 0.95
"""The share of unfitted probes in the transition that is decided where a cell counts as decided."""

_ENOUGH: Final = f"{100 * ENOUGH:.0f} %"

_NUMBERS: Final = """
SELECT count(*) AS planned, count(*) FILTER (status = 'measured') AS measured,
  coalesce(sum(probes), 0)::BIGINT AS probes,
  coalesce(sum(gradient_evaluations), 0)::DOUBLE AS gradients,
  coalesce(sum(seconds), 0)::DOUBLE AS seconds,
  count(unfitted_decided) AS told,
  count(*) FILTER (unfitted_decided >= $enough) AS decided,
  min(unfitted_decided) AS least_decided,
  count(*) FILTER (open_matters) AS open_matters,
  count(*) FILTER (NOT one_curve) AS misfits,
  count(*) FILTER (status = 'measured' AND len(rates) > 1) AS tuned,
  count(*) FILTER (rate_at_edge IS NOT NULL) AS edges,
  count(finish_refused) AS refused,
  count(*) FILTER (
    status = 'measured' AND emc50 IS NULL AND finish_refused IS NULL AND one_curve) AS undecided,
  count(*) FILTER (emc50 IS NOT NULL AND (saturated OR below_smallest)) AS bounds,
  count(emc50) FILTER (NOT saturated AND NOT below_smallest AND tolerance_reached) AS narrow,
  count(per_parameter) FILTER (NOT saturated AND NOT below_smallest) AS known,
  min(per_parameter) FILTER (NOT saturated AND NOT below_smallest) AS least,
  max(per_parameter) FILTER (NOT saturated AND NOT below_smallest) AS most
FROM emc
"""

_WITHIN_BUDGET: Final = """
SELECT count(*) AS cells, min(share) AS least, median(share) AS middle, max(share) AS most
FROM (
  SELECT emc50_budget / emc50 AS share FROM emc
  WHERE NOT saturated AND NOT below_smallest AND NOT saturated_budget AND NOT below_smallest_budget)
WHERE share IS NOT NULL
"""

_AT_MINIMA: Final = "SELECT * FROM emc WHERE emc50 IS NOT NULL ORDER BY emc50, cell"

_FAILED: Final = "SELECT stage, count(*) AS cells FROM failures GROUP BY stage ORDER BY stage"


class Tile(NamedTuple):
    """A number, what it counts, and what failed of it."""

    number: str
    meaning: str
    failed: str = ""


def tiles(warehouse: Warehouse) -> list[Tile]:
    """What was measured, in five numbers at most."""
    row = _numbers(warehouse)
    shown = [
        Tile(f"{row['measured']:,} of {row['planned']:,}", "cells measured", _failed(warehouse)),
        Tile(f"{row['probes']:,}", f"probes, {_duration(row['seconds'])} of training"),
        Tile(_large(row["gradients"]), "per-sample gradients"),
    ]
    if row["known"]:
        meaning = f"samples fitted per parameter at minima{_bounds(row)}"
        shown.append(Tile(_span(row["least"], row["most"]), meaning))
    if row["told"]:
        meaning = f"cells with {_ENOUGH} of their unfitted probes in the transition decided"
        shown.append(Tile(f"{row['decided']:,} of {row['told']:,}", meaning))
    return shown


def summary(warehouse: Warehouse) -> list[str]:
    """What the nets of this study fit at their minima, and within their budgets."""
    row = _numbers(warehouse)
    found = warehouse.sql(_WITHIN_BUDGET).row(0, named=True)
    return [*_extremes(warehouse), *_at_minima(row), *_within_budget(found)]


def unknown(warehouse: Warehouse) -> list[str]:
    """What the study leaves open; nothing before a cell is measured."""
    row = _numbers(warehouse)
    return [*_decided(row), *_doubts(row)] if row["measured"] else []


def sentences(warehouse: Warehouse) -> list[str]:
    """The largest certain effects over matched cells, in words with their numbers.

    Where none is certain the largest, which say themselves how few cells they rest on.
    """
    found = effects(warehouse)
    certain = [made.sentence for made in found if made.certain]
    seen = [f"Seen, not certain: {made.sentence}" for made in found]
    return certain[:SENTENCES] or seen[:UNCERTAIN]


def _failed(warehouse: Warehouse) -> str:
    """How many cells failed at which stage."""
    stages = warehouse.sql(_FAILED).iter_rows()
    return ", ".join(f"{cells:,} failed at {stage}" for stage, cells in stages)


def _numbers(warehouse: Warehouse) -> dict[str, Any]:
    return warehouse.sql(_NUMBERS, enough=ENOUGH).row(0, named=True)


def _extremes(warehouse: Warehouse) -> Iterator[str]:
    """The cells with the largest and the smallest number, by what sets the study's cells apart.

    Which of them fit more is not said: intervals may overlap, and bounds may be passed by others.
    """
    cells = named(warehouse.sql(_AT_MINIMA))
    if len(cells) < 2:
        return
    most, fewest = cells.row(-1, named=True), cells.row(0, named=True)
    ended = int(cells["saturated"].sum())
    first = (
        f"In {_cells(ended)} the data end before the number is reached"
        if ended > 1
        else f"“{most['name']}” has the largest number at minima, {_of_cell(most)}"
    )
    yield f"{first}; “{fewest['name']}” has the smallest, {_of_cell(fewest)}."


def _of_cell(row: dict[str, Any]) -> str:
    number = f"{row['emc50']:,.0f}"
    if row["saturated"]:
        return f"{number} or more, where the data end"
    if row["below_smallest"]:
        return f"{number} or fewer, the smallest tried"
    low, high = ("no end" if row[end] is None else f"{row[end]:,.0f}" for end in ("low", "high"))
    return f"{number} (95 % interval {low} to {high})"


def _at_minima(row: dict[str, Any]) -> Iterator[str]:
    if row["known"]:
        yield (
            f"At minima, the numbers of this study are {_span(row['least'], row['most'])}"
            f" samples per parameter ({_cells(row['known'])}, {_narrow(row)}"
            f"{_beside(row['bounds'])})."
        )
    elif row["bounds"]:
        yield (
            "At their minima, the nets of this study have bounds only"
            f" ({_cells(row['bounds'])}): the data ended first, or no size was fitted."
        )


def _within_budget(found: dict[str, Any]) -> Iterator[str]:
    if not found["cells"]:
        return
    least, middle, most = (ratio_in_words(found[name]) for name in ("least", "middle", "most"))
    single = found["cells"] == 1
    spread = _cells(1) if single else f"median of {_cells(found['cells'])}, {least} to {most}"
    yield f"Their numbers within the budget are {middle} times those at minima ({spread})."


def _decided(row: dict[str, Any]) -> Iterator[str]:
    if not row["told"]:
        yield "No cell has an unfitted probe in its transition, so that none had to be decided."
    elif row["least_decided"] == 1:
        yield f"Every unfitted probe in the transition is decided ({_cells(row['told'])})."
    else:
        yield (
            f"In {row['decided']:,} of {_cells(row['told'])} at least {_ENOUGH} of the"
            " unfitted probes in the transition are decided; the cell with the fewest has"
            f" {100 * row['least_decided']:.0f} %. The others are open: they may still fit."
        )


def _doubts(row: dict[str, Any]) -> Iterator[str]:
    among = f" (of {row['tuned']:,})"
    doubts = (
        (row["undecided"], "", "no unfitted probe is decided: there is no number at minima"),
        (row["open_matters"], "", "open runs could move the number beyond its tolerance"),
        (row["misfits"], "", "one curve does not describe the probes"),
        (row["edges"], among, "the best learning rate is at an edge of its grid"),
        (row["refused"], "", "runs cannot be finished: only the number within the budget stands"),
    )
    for count, of, meaning in doubts:
        if count:
            yield f"In {_cells(count)}{of} {meaning}."


def _cells(count: int) -> str:
    return f"{count:,} cell{'s' * (count != 1)}"


def _narrow(row: dict[str, Any]) -> str:
    """How many of the numbers are as narrow as was asked for."""
    if row["narrow"] == row["known"]:
        return "within the tolerance asked for"
    return f"{row['narrow']:,} of them within the tolerance asked for"


def _beside(bounds: int) -> str:
    return f"; {bounds:,} more known as bounds only" if bounds else ""


def _span(least: float, most: float) -> str:
    ends = [f"{end:.2g}" for end in (least, most)]
    return " to ".join(dict.fromkeys(ends))


def _bounds(row: dict[str, Any]) -> str:
    count = row["bounds"]
    return f", without {count:,} bound{'s' * (count > 1)}" if count else ""


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
