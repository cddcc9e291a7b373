"""What the page says first: numbers, and sentences that a reader can repeat."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from emc.findings import contrast, effects
from emc.findings.effects import level_in_words, ratio_in_words
from emc.records import UNDECIDED
from emc.warehouse import Warehouse

SENTENCES: Final = 5
LABELLINGS: Final = 3
"""Labellings whose cells are told apart, at most; of more, all cells are told together."""

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
  count(*) FILTER (cell IN (SELECT cell FROM rates GROUP BY cell HAVING count(*) > 1)) AS tuned,
  count(*) FILTER (rate_at_edge IS NOT NULL) AS edges,
  count(finish_refused) AS refused,
  count(*) FILTER (
    status = 'measured' AND emc50 IS NULL AND finish_refused IS NULL AND one_curve) AS undecided,
  count(*) FILTER (emc50 IS NOT NULL AND saturated) AS ended,
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
  WHERE NOT saturated AND NOT below_smallest AND NOT saturated_budget AND NOT below_smallest_budget
    AND (low_budget IS NOT NULL OR high_budget IS NOT NULL))
WHERE share IS NOT NULL
"""

_LABELLINGS: Final = "SELECT count(DISTINCT labels) FROM emc WHERE per_parameter IS NOT NULL"

_SPANS: Final = """
SELECT CASE WHEN $apart THEN labels END AS labelling,
  count(*) FILTER (known) AS known,
  min(per_parameter) FILTER (known) AS least, max(per_parameter) FILTER (known) AS most,
  count(*) FILTER (saturated) AS ended, min(per_parameter) FILTER (saturated) AS ended_least,
  count(*) FILTER (known AND NOT tolerance_reached) AS rough,
  count(*) FILTER (known AND high IS NULL) AS endless,
  count(*) FILTER (below_smallest) AS below,
  max(per_parameter) FILTER (below_smallest) AS below_most
FROM (SELECT *, NOT saturated AND NOT below_smallest AS known FROM emc
  WHERE per_parameter IS NOT NULL)
GROUP BY labelling ORDER BY known DESC, ended DESC, labelling
"""

_FOR_ITS_WORK: Final = (
    "A minimum is one for the work of its finish: from some near EMC a finish of many times the"
    " work may still find a fit, so that numbers at minima can grow with finish.effort."
)

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
        Tile(
            f"{row['probes']:,}", f"probes, {_duration(row['seconds'])} of training and finishing"
        ),
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
    """What the nets of this study fit at their minima, what moves it, and what budgets leave."""
    found = warehouse.sql(_WITHIN_BUDGET).row(0, named=True)
    return [*_at_minima(warehouse), *_moved(warehouse), *_within_budget(found)]


def unknown(warehouse: Warehouse) -> list[str]:
    """What the study leaves open; nothing before a cell is measured."""
    row = _numbers(warehouse)
    return [*_decided(row), *_for_its_work(row), *_doubts(row)] if row["measured"] else []


def sentences(warehouse: Warehouse) -> list[str]:
    """The largest certain effects over matched cells, in words with their numbers."""
    return [made.sentence for made in effects(warehouse) if made.certain][:SENTENCES]


def _failed(warehouse: Warehouse) -> str:
    """How many cells failed at which stage."""
    stages = warehouse.sql(_FAILED).iter_rows()
    return ", ".join(f"{cells:,} failed at {stage}" for stage, cells in stages)


def _numbers(warehouse: Warehouse) -> dict[str, Any]:
    return warehouse.sql(_NUMBERS, enough=ENOUGH).row(0, named=True)


def _of_cell(row: dict[str, Any]) -> str:
    number = f"{row['emc50']:,.0f} samples"
    if row["saturated"]:
        return f"{number} or more, where the data end"
    if row["below_smallest"]:
        return f"{number} or fewer, the smallest size tried"
    low, high = ("no end" if row[end] is None else f"{row[end]:,.0f}" for end in ("low", "high"))
    return f"{number} (95 % interval {low} to {high})"


def _at_minima(warehouse: Warehouse) -> Iterator[str]:
    """Samples per parameter, apart for each labelling where they are few."""
    apart = 1 < warehouse.sql(_LABELLINGS).item() <= LABELLINGS
    spans = [
        f"{_per_parameter(row)}{_with(row['labelling'])} ({_basis(row)})"
        for row in warehouse.sql(_SPANS, apart=apart).iter_rows(named=True)
    ]
    if spans:
        *others, last = spans
        told = f"{', '.join(others)}, and {last}" if others else last
        yield f"At their minima, the nets of this study fit {told}."


def _per_parameter(row: dict[str, Any]) -> str:
    if row["known"]:
        return f"{_span(row['least'], row['most'])} samples per parameter"
    if row["ended"]:
        return f"{row['ended_least']:.2g} samples per parameter or more"
    return f"{row['below_most']:.2g} samples per parameter or fewer"


def _with(labelling: str | None) -> str:
    return "" if labelling is None else f" with {level_in_words('labels', labelling)}"


def _basis(row: dict[str, Any]) -> str:
    """How many cells are told, and which of them, or beside them, are bounds."""
    ended, below = row["ended"], row["below"]
    if row["known"]:
        beside = [_roughly(row["rough"], row["known"]), _endless(row["endless"], row["known"])]
        beside += [f"; of {ended:,} more the data end first"] if ended else []
        beside += [f"; {below:,} more fit not even the smallest size"] if below else []
        return _cells(row["known"]) + "".join(beside)
    ends = [f"{_cells(ended)} whose data end first"] if ended else []
    ends += [f"{_cells(below)} that fit not even the smallest size"] if below else []
    return "; ".join(ends)


def _roughly(rough: int, known: int) -> str:
    if not rough:
        return ""
    return ", known roughly" if rough == known else f", {rough:,} of them known roughly"


def _endless(endless: int, known: int) -> str:
    """Cells whose number may be much larger, for all that is known."""
    if not endless:
        return ""
    return f", {'' if endless == known else f'{endless:,} of them '}without an upper end"


def _moved(warehouse: Warehouse) -> Iterator[str]:
    """The two cells that differ in one thing only and lie furthest apart, if any surely do.

    Where several configurations tell effects for certain, those are told instead.
    """
    found = contrast(warehouse)
    if found is None or sentences(warehouse):
        return
    more, fewer = (
        level_in_words(found.factor, str(row[found.factor])) for row in (found.more, found.fewer)
    )
    sizes = {found.more["parameters"], found.fewer["parameters"]}
    net = f"net of {sizes.pop():,} parameters" if len(sizes) == 1 else "net"
    yield (
        f"At its minima, the {net} fits, with {more}, {_of_cell(found.more)}; with {fewer}, all"
        f" else equal, {_of_cell(found.fewer)}."
    )


def _within_budget(found: dict[str, Any]) -> Iterator[str]:
    if not found["cells"]:
        return
    least, middle, most = (ratio_in_words(found[name]) for name in ("least", "middle", "most"))
    single = found["cells"] == 1
    spread = _cells(1) if single else f"median of {_cells(found['cells'])}, {least} to {most}"
    yield f"Within the training budget the nets fit {middle} times as many ({spread})."


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


def _for_its_work(row: dict[str, Any]) -> Iterator[str]:
    if row["told"]:
        yield _FOR_ITS_WORK


def _doubts(row: dict[str, Any]) -> Iterator[str]:
    among = f" (of {row['tuned']:,})"
    doubts = (
        (row["undecided"], "", UNDECIDED),
        (row["open_matters"], "", "open runs could move the number beyond its tolerance"),
        (row["misfits"], "", "one curve does not describe the probes"),
        (row["known"] - row["narrow"], "", "the interval is wider than the tolerance asked for"),
        (row["ended"], "", "the data end first: smaller nets, or more data, would tell the number"),
        (row["edges"], among, "the best learning rate is at an edge of its grid"),
        (row["refused"], "", "runs are not finished: only the number within the budget stands"),
    )
    for count, of, meaning in doubts:
        if count:
            yield f"In {_cells(count)}{of} {meaning}."


def _cells(count: int) -> str:
    return f"{count:,} cell{'s' * (count != 1)}"


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
