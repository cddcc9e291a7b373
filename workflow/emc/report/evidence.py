"""What lies behind each cell's answer: probes, rates, certificates, spectra, loss traces.

Every table is sorted by cell in the order of `cells_data`; `counts` says how many of its rows
belong to each cell, so that the page cuts out one cell without looking at the others.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import numpy as np
import polars as pl

from emc.figures.frames import finite
from emc.records import Outcome
from emc.report.columnar import columnar, transposed
from emc.warehouse import Warehouse

FITS: Final = 1
UNFITTED: Final = 2
TRACE_POINTS: Final = 12
ACCURACY_STEPS: Final = 10_000
"""Accuracies travel as whole numbers of errors per this many samples."""

_LETTERS: Final = {outcome.value: letter for outcome, letter in zip(Outcome, "fFmod", strict=True)}
"""Each outcome in one letter."""

_PROBES: Final = """
WITH tried AS (SELECT cell, list(lr ORDER BY lr) AS rates FROM rates GROUP BY cell)
SELECT cell, n, outcome, epochs, list_position(tried.rates, lr) - 1 AS rate,
  TRY_CAST(round((1 - accuracy) * $steps) AS BIGINT) AS errors
FROM probes LEFT JOIN tried USING (cell) ORDER BY cell, n, round, replica
"""
"""Learning rates by their place among those of the cell that were tried, ascending."""

_PLACE: Final = """
    row_number() OVER (
      PARTITION BY p.cell, p.outcome IN ('fit', 'finished')
      ORDER BY abs(ln(p.n / coalesce(e.emc50, e.emc50_budget))), p.round, p.replica
    ) AS place
"""
"""Fits, and what does not fit, each in the order of their distance from emc50."""

_TRACES: Final = f"""
WITH near AS (
  SELECT p.cell, p.n, p.outcome, p.trace_epochs, p.trace_losses, {_PLACE}
  FROM probes AS p JOIN estimates AS e ON e.cell = p.cell AND e.best_lr = p.lr
  WHERE len(p.trace_epochs) > 0)
SELECT cell, n, outcome, trace_epochs AS epochs, trace_losses AS losses FROM near
WHERE place <= CASE WHEN outcome IN ('fit', 'finished') THEN $fits ELSE $unfitted END
ORDER BY cell, outcome, place
"""


_SPECTRA: Final = f"""
WITH near AS (
  SELECT p.cell, p.n, p.outcome, p.spectrum_values, p.spectrum_shares, {_PLACE}
  FROM certificates AS p JOIN estimates AS e ON e.cell = p.cell)
SELECT cell, n, outcome, spectrum_values AS "values", spectrum_shares AS shares FROM near
WHERE place = 1 ORDER BY cell, outcome
"""


def evidence_data(warehouse: Warehouse) -> dict[str, Any]:
    """All tables by name."""
    order = warehouse.sql("SELECT cell FROM emc")["cell"]
    rates = warehouse.sql("SELECT cell, lr, emc50, low, high, probes FROM rates ORDER BY cell, lr")
    certificates = warehouse.sql(
        "SELECT cell, n, outcome, verdict, reason, loss, gradient_norm, lambda_min, lambda_max,"
        " trace, negative_eigenvalues, exact FROM certificates ORDER BY cell, n, round, replica"
    )
    return {
        "probes": _probes(order, warehouse),
        "rates": _table(order, finite(rates).to_dicts()),
        "certificates": _table(order, finite(certificates).to_dicts()),
        "spectra": _table(order, _spectra(warehouse)),
        "traces": _table(order, _traces(warehouse)),
    }


def _table(order: pl.Series, rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    columns = transposed(rows)
    return {"counts": _counts(order, columns.pop("cell", [])), **columnar(columns)}


def _counts(order: pl.Series, cells: Iterable[str]) -> list[int]:
    counted = Counter(cells)
    return [counted[cell] for cell in order]


def _probes(order: pl.Series, warehouse: Warehouse) -> dict[str, Any]:
    """A million probes in a few bytes each: steps of n within a cell, one letter per outcome."""
    probes = warehouse.sql(_PROBES, steps=ACCURACY_STEPS)
    steps = pl.col("n") - pl.col("n").shift(1, fill_value=0).over("cell")
    return {
        "counts": _counts(order, probes["cell"]),
        "outcomes": "".join(map(_LETTERS.__getitem__, probes["outcome"])),
        "letters": {letter: outcome for outcome, letter in _LETTERS.items()},
        "accuracySteps": ACCURACY_STEPS,
        "steps": probes.select(steps).to_series().to_list(),
        "rates": probes["rate"].to_list(),
        "epochs": probes["epochs"].to_list(),
        "errors": probes["errors"].to_list(),
    }


def _traces(warehouse: Warehouse) -> Iterator[dict[str, Any]]:
    """A few loss traces per cell, those of the probes nearest emc50, thinned to a dozen points."""
    traces = warehouse.sql(_TRACES, fits=FITS, unfitted=UNFITTED)
    for row in traces.iter_rows(named=True):
        count = len(row["epochs"])
        kept = np.linspace(0, count - 1, min(TRACE_POINTS, count)).round().astype(int)
        row["epochs"] = tuple(row["epochs"][place] for place in kept)
        row["losses"] = tuple(_short(row["losses"][place]) for place in kept)
        yield row


def _spectra(warehouse: Warehouse) -> Iterator[dict[str, Any]]:
    """The spectra of a cell's certified fit and unfitted probe that lie nearest to emc50."""
    for row in warehouse.sql(_SPECTRA).iter_rows(named=True):
        for part in ("values", "shares"):
            row[part] = tuple(map(_short, row[part]))
        yield row


def _short(number: float) -> float | None:
    return float(f"{number:.3g}") if math.isfinite(number) else None
