"""EMC under smaller budgets and at lower accuracies, from the probes that there are.

A probe's record says when it fitted and which accuracies it reached, so that one training run
answers for every smaller budget and every lower threshold. Each reading of a cell's probes is
fitted anew; nothing is trained.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import duckdb
import numpy as np

from emc.records import THRESHOLDS
from emc.search.refit import refit
from emc.store.columns import Column, Table
from emc.warehouse.loading import create
from emc.warehouse.relations import names, quoted

_ANSWER: Final = (
    Column("emc50", "real", "samples that are fitted with probability one half"),
    Column(
        "low",
        "real",
        "lower end of its 95 % interval; empty for an upper bound and below 1",
        True,
    ),
    Column(
        "high",
        "real",
        "upper end of its 95 % interval; empty for a lower bound and beyond the data",
        True,
    ),
    Column("bound", "text", "none; lower or upper: emc50 lies beyond every n that was tried"),
    Column("emc50_without_unknown", "real", "emc50 when unknown probes are left out", True),
    Column("unknown", "whole", "probes whose own budget ran out before they could tell"),
    Column("reached", "whole", "probes that count as fitted"),
    Column("probes", "whole", "probes at the cell's best learning rate"),
)

EMC_BY_BUDGET: Final = Table(
    "emc_by_budget",
    "emc50 when a probe may train so long only, at the learning rate that is best for the whole"
    " budget. Unknown probes count as not fitted. Cells whose learning rate follows the budget"
    " (cosine, warm-up) have no rows: a smaller budget would have been another run.",
    ("cell", "unit", "budget"),
    (
        Column("cell", "text", "cell"),
        Column("unit", "text", "epochs, steps or gradient evaluations"),
        Column("budget", "whole", "most of these that a probe may use"),
        *_ANSWER,
        Column(
            "rise",
            "real",
            "factor by which emc50 grows per doubling of the budget, from the largest budget here"
            " that is at most half of this one; empty where either is a bound",
            True,
        ),
        Column(
            "rise_low",
            "real",
            "lower end of its 95 % interval, at least 1; the interval is too wide, if anything: it"
            " takes both numbers as independent, which come from the same probes",
            True,
        ),
        Column("rise_high", "real", "upper end of its 95 % interval", True),
    ),
)

EMC_BY_THRESHOLD: Final = Table(
    "emc_by_threshold",
    "emc50 at each training accuracy up to the cell's criterion, at the cell's best learning"
    " rate. Unknown probes count as not fitted.",
    ("cell", "threshold"),
    (
        Column("cell", "text", "cell"),
        Column("threshold", "real", "training accuracy that counts as a fit"),
        *_ANSWER,
    ),
)

UNITS: Final = {
    "epochs": "epochs",
    "steps": "steps",
    "gradient evaluations": "gradient_evaluations",
}
"""Units of a budget, with the column of `probes` that counts them."""

BUDGETS: Final = 8
"""Budgets per unit, besides the longest run: this many powers of two up to it."""
_SPREAD: Final = 1.96
"""Standard deviations from the middle of a 95 % interval to its ends."""

_MARKS: Final = ("90", "99", "995", "100")
_AT_ONCE: Final = 100

_CELLS: Final = """
SELECT cell, e.samples_available AS largest, c.criterion,
  c.schedule = 'constant'
    AND coalesce((c.definition ->> '$.schedule.warmup')::DOUBLE, 0) = 0 AS fixed,
  coalesce((c.definition ->> '$.search.smallest')::BIGINT, 1) AS smallest
FROM estimates AS e JOIN cells AS c USING (cell) ORDER BY cell
"""

_PROBES: Final = f"""
WITH places AS (SELECT cell, best_lr, row_number() OVER (ORDER BY cell) - 1 AS place FROM estimates)
SELECT place, n, ended = 'fit' AS fit, ended = 'budget' AS censored,
  epochs, steps, gradient_evaluations,
  {", ".join(f"step_{mark} IS NOT NULL AS reached_{mark}" for mark in _MARKS)}
FROM probes JOIN places ON places.cell = probes.cell AND places.best_lr = probes.lr
ORDER BY place, round, replica
"""

NamedColumns = dict[str, np.ndarray]


@dataclass(frozen=True, slots=True)
class _Readings:
    """Outcomes of some cells' probes as readings see them, booleans [cells, readings, probes]."""

    reached: np.ndarray
    unknown: np.ndarray


@dataclass(frozen=True, slots=True)
class _Question:
    """Readings whose answers fill rows of a table: those that are kept [cells, readings]."""

    table: Table
    readings: _Readings
    kept: np.ndarray
    keys: dict[str, Any]


def load_refits(connection: duckdb.DuckDBPyConnection) -> None:
    """Make and fill `emc_by_budget` and `emc_by_threshold` from probes, estimates and cells."""
    for table in (EMC_BY_BUDGET, EMC_BY_THRESHOLD):
        create(connection, table)
    cells = connection.execute(_CELLS).fetchnumpy()
    probes = connection.execute(_PROBES).fetchnumpy()
    for first in range(0, len(cells["cell"]), _AT_ONCE):
        some = slice(first, first + _AT_ONCE)
        _load_some(
            connection, {name: column[some] for name, column in cells.items()}, first, probes
        )


def _load_some(
    connection: duckdb.DuckDBPyConnection, cells: NamedColumns, first: int, probes: NamedColumns
) -> None:
    last = first + len(cells["cell"])
    start, stop = np.searchsorted(probes["place"], [first, last])
    own = padded({name: column[start:stop] for name, column in probes.items()}, first, last)
    questions = [*_of_budgets(cells, own), _of_thresholds(cells, own)]
    answers = _answers(cells, own, _joined(questions))
    end = 0
    for one in questions:
        begin, end = end, end + one.kept.shape[1]
        ours = {name: column[:, begin:end] for name, column in answers.items()}
        if one.table is EMC_BY_BUDGET:
            ours |= _rises(one.keys["budget"], one.kept, ours)
        insert(connection, one.table, cells, one.kept, ours, **one.keys)


def _of_budgets(cells: NamedColumns, probes: NamedColumns) -> Iterator[_Question]:
    fixed = cells["fixed"].astype(bool)
    for unit, counted in UNITS.items():
        budgets = _budgets(probes[counted])
        kept = fixed[:, None] & (budgets >= 1)
        readings = _within(probes, probes[counted], budgets)
        yield _Question(EMC_BY_BUDGET, readings, kept, {"unit": unit, "budget": budgets})


def _of_thresholds(cells: NamedColumns, probes: NamedColumns) -> _Question:
    thresholds = np.tile(THRESHOLDS, (len(cells["cell"]), 1))
    kept = thresholds <= cells["criterion"][:, None]
    readings = _at_accuracies(probes)
    return _Question(EMC_BY_THRESHOLD, readings, kept, {"threshold": thresholds})


def _joined(questions: Sequence[_Question]) -> _Readings:
    """All readings side by side: one curve of a cell's probes serves them all."""
    readings = [one.readings for one in questions]
    return _Readings(
        reached=np.concatenate([one.reached for one in readings], axis=1),
        unknown=np.concatenate([one.unknown for one in readings], axis=1),
    )


def padded(probes: NamedColumns, first: int, last: int) -> NamedColumns:
    """Columns as [cells, probes], zero beyond a cell's last probe, which `present` tells."""
    rows = probes.pop("place") - first
    counts = np.bincount(rows, minlength=last - first)
    places = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    padded = {"present": np.zeros((last - first, int(counts.max())), bool)}
    padded["present"][rows, places] = True
    for name, column in probes.items():
        padded[name] = np.zeros(padded["present"].shape, column.dtype)
        padded[name][rows, places] = column
    return padded


def _budgets(spent: np.ndarray) -> np.ndarray:
    """Powers of two up to each cell's longest run, and that, ascending, [cells, BUDGETS + 1].

    Zero where there is none.
    """
    longest = spent.max(axis=1, keepdims=True).astype(np.int64)
    top = np.floor(np.log2(np.maximum(longest, 1))).astype(int)
    powers = top - np.arange(BUDGETS)[::-1]
    budgets = np.where(powers < 0, 0, 1 << np.maximum(powers, 0))
    return np.concatenate([budgets, np.where(longest > budgets[:, -1:], longest, 0)], axis=1)


def _rises(budgets: np.ndarray, kept: np.ndarray, answers: NamedColumns) -> NamedColumns:
    """How fast emc50 grows with the budget up to each of the budgets [cells, budgets]."""
    with np.errstate(divide="ignore", invalid="ignore"):
        log_b = np.where(kept, np.log2(budgets), np.nan)
        known = kept & (answers["bound"] == "none")
        middle = np.where(known, np.log(answers["emc50"]), np.nan)
        spread = np.log(answers["high"] / answers["low"]) / (2 * _SPREAD)
        halved = log_b[:, :, None] - log_b[:, None, :] >= 1
    before = np.where(halved, np.arange(budgets.shape[1]), -1).max(axis=2)
    at = np.maximum(before, 0)
    doublings = np.where(before < 0, np.nan, log_b - np.take_along_axis(log_b, at, axis=1))
    risen = middle - np.take_along_axis(middle, at, axis=1)
    reach = _SPREAD * np.hypot(spread, np.take_along_axis(spread, at, axis=1))
    ends = {"rise": risen, "rise_low": risen - reach, "rise_high": risen + reach}
    return {name: np.exp(np.maximum(end, 0) / doublings) for name, end in ends.items()}


def _within(probes: NamedColumns, spent: np.ndarray, budgets: np.ndarray) -> _Readings:
    """A run fits within a budget if it was over by then; one cut short before it may yet have."""
    over = spent[:, None, :] <= budgets[:, :, None]
    return _Readings(
        reached=over & probes["fit"][:, None, :],
        unknown=(spent[:, None, :] < budgets[:, :, None]) & probes["censored"][:, None, :],
    )


def _at_accuracies(probes: NamedColumns) -> _Readings:
    reached = np.stack([probes[f"reached_{mark}"] for mark in _MARKS], axis=1)
    return _Readings(reached, ~reached & probes["censored"][:, None, :])


def _answers(cells: NamedColumns, probes: NamedColumns, readings: _Readings) -> NamedColumns:
    """Columns of `_ANSWER`, each [cells, readings]; NaN where empty."""
    present = probes["present"]
    failed = present[:, None, :] & ~readings.reached
    sure = failed & ~readings.unknown
    log_n = np.log(np.where(present, probes["n"], np.nan))
    fits = np.concatenate([readings.reached] * 2, axis=1).astype(np.float32)
    unfitted = np.concatenate([failed, sure], axis=1).astype(np.float32)
    limits = np.stack([cells["smallest"], cells["largest"]], axis=1)
    found = refit(log_n, fits, unfitted, limits)
    smallest, largest = np.nanmin(log_n, axis=1)[:, None], np.nanmax(log_n, axis=1)[:, None]
    above, below = found.median > largest, found.median < smallest
    emc50 = np.exp(np.clip(found.median, smallest, largest))
    low_unknown = below | (found.low <= 0)
    high_unknown = above | (found.high >= np.log(cells["largest"])[:, None])
    known = (readings.reached | sure).any(axis=2)
    whole = slice(None, readings.reached.shape[1])
    left_out = slice(whole.stop, None)
    return {
        "emc50": emc50[:, whole],
        "low": np.where(low_unknown, np.nan, np.exp(np.minimum(found.low, largest)))[:, whole],
        "high": np.where(high_unknown, np.nan, np.exp(np.maximum(found.high, smallest)))[:, whole],
        "bound": np.select([above, below], ["lower", "upper"], "none")[:, whole],
        "emc50_without_unknown": np.where(known, emc50[:, left_out], np.nan),
        "unknown": readings.unknown.sum(axis=2),
        "reached": readings.reached.sum(axis=2),
        "probes": np.tile(present.sum(axis=1)[:, None], (1, whole.stop)),
    }


def insert(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    cells: NamedColumns,
    kept: np.ndarray,
    answers: NamedColumns,
    **keys: Any,
) -> None:
    """Append the rows that are kept [cells, readings], ordered by cell."""
    cell = np.broadcast_to(cells["cell"][:, None], kept.shape)
    columns = {"cell": cell, **{k: np.broadcast_to(v, kept.shape) for k, v in keys.items()}}
    rows = {name: _column(values[kept]) for name, values in (columns | answers).items()}
    connection.register("refitted", rows)
    connection.execute(
        f"INSERT INTO {quoted(table.name)} SELECT {names(table.columns)} FROM refitted"
    )
    connection.unregister("refitted")


def _column(values: np.ndarray) -> np.ndarray:
    """Text as objects, which DuckDB reads; NaN as empty."""
    if values.dtype.kind == "U":
        return values.astype(object)
    return np.ma.masked_where(np.isnan(values), values) if values.dtype.kind == "f" else values
