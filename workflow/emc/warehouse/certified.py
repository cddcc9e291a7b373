"""EMC where only failures that stopped at a minimum count against the procedure.

Only examined failures can be left out, and these are the smallest: the number says how far saddles
and unfinished runs among them move EMC, not what EMC would be if all failures were examined.
"""

from typing import Final

import duckdb
import numpy as np

from emc.search.refit import Quantiles, refit
from emc.store.columns import Column, Table
from emc.warehouse.loading import create
from emc.warehouse.refits import Columns, insert, padded

CONCLUSION: Final = """CASE WHEN outcome = 'fit' THEN 'fit'
  WHEN polish_fits THEN 'unfinished'
  ELSE coalesce(polish_verdict, verdict) END"""
"""What a certificate comes to: the polish has the last word on a failure."""

COUNTS: Final = f"({CONCLUSION}) IN ('minimum', 'fitted, gradient vanishing', 'inconclusive')"
"""Whether a failure counts: at a minimum, or at a point of which no more is known."""

EMC_CERTIFIED: Final = Table(
    "emc_certified",
    "emc50 of cells with certificates when failures are left out that stopped at no minimum:"
    " unfinished (the polish fits), saddle or unconverged. Inconclusive ones and those that were"
    " not examined count. Where none is left out it is the cell's emc50; otherwise its probes at"
    " the best learning rate are fitted anew.",
    ("cell",),
    (
        Column("cell", "text", "cell"),
        Column(
            "emc50_certified",
            "real",
            "samples that are fitted with probability one half; empty where emc50 is and no"
            " failure is left out",
            True,
        ),
        Column(
            "low_certified",
            "real",
            "lower end of its 95 % interval; empty for an upper bound and below 1",
            True,
        ),
        Column(
            "high_certified",
            "real",
            "upper end of its 95 % interval; empty for a lower bound and beyond the data",
            True,
        ),
        Column(
            "certified_saturated",
            "truth",
            "emc50_certified is the largest n that was tried: a lower bound",
        ),
        Column("failures_in_all", "whole", "probes that did not fit, at the best rate"),
        Column("failures_left_out", "whole", "of these: examined and left out"),
    ),
)

_CELLS: Final = """
SELECT cell, e.samples_available AS largest, e.emc50, e.low, e.high, e.saturated,
  coalesce((c.definition ->> '$.search.smallest')::BIGINT, 1) AS smallest
FROM estimates AS e JOIN cells AS c USING (cell) SEMI JOIN certificates USING (cell) ORDER BY cell
"""

_PROBES: Final = f"""
WITH places AS (
  SELECT cell, best_lr, row_number() OVER (ORDER BY cell) - 1 AS place
  FROM estimates SEMI JOIN certificates USING (cell)),
examined AS (
  SELECT cell, round, replica, NOT {COUNTS} AS dismissed FROM certificates WHERE outcome <> 'fit')
SELECT place, n, outcome = 'fit' AS fit, coalesce(dismissed, false) AS dismissed
FROM probes JOIN places ON places.cell = probes.cell AND places.best_lr = probes.lr
LEFT JOIN examined ON examined.cell = probes.cell AND examined.round = probes.round
  AND examined.replica = probes.replica
ORDER BY place, probes.round, probes.replica
"""


def load_certified(connection: duckdb.DuckDBPyConnection) -> None:
    """Make and fill `emc_certified` from probes, estimates, cells and certificates."""
    create(connection, EMC_CERTIFIED)
    cells = connection.execute(_CELLS).fetchnumpy()
    if not len(cells["cell"]):
        return
    probes = padded(connection.execute(_PROBES).fetchnumpy(), 0, len(cells["cell"]))
    answers = {name: column[:, None] for name, column in _answers(cells, probes).items()}
    everything = np.ones((len(cells["cell"]), 1), bool)
    insert(connection, EMC_CERTIFIED, cells, everything, answers)


def _answers(cells: Columns, probes: Columns) -> Columns:
    failed = probes["present"] & ~probes["fit"]
    left_out = (failed & probes["dismissed"]).sum(axis=1)
    anew = left_out > 0
    found = {
        name: np.ma.filled(cells[name].astype(float), np.nan) for name in ("emc50", "low", "high")
    }
    saturated = cells["saturated"].astype(bool)
    if anew.any():
        again, beyond = _refitted(
            {name: column[anew] for name, column in cells.items()},
            {name: column[anew] for name, column in probes.items()},
        )
        for name, values in again.items():
            found[name][anew] = values
        saturated[anew] = beyond
    return {
        "emc50_certified": found["emc50"],
        "low_certified": found["low"],
        "high_certified": np.where(saturated, np.nan, found["high"]),
        "certified_saturated": saturated,
        "failures_in_all": failed.sum(axis=1),
        "failures_left_out": left_out,
    }


def _refitted(cells: Columns, probes: Columns) -> tuple[Columns, np.ndarray]:
    """emc50 with its interval, no larger than the largest n tried, and whether it is that bound."""
    log_n = np.log(np.where(probes["present"], probes["n"], np.nan))
    fits = (probes["present"] & probes["fit"]).astype(np.float32)
    failures = (probes["present"] & ~probes["fit"] & ~probes["dismissed"]).astype(np.float32)
    limits = np.stack([cells["smallest"], cells["largest"]], axis=1)
    quantiles = refit(log_n, fits[:, None], failures[:, None], limits)
    found = Quantiles(*(column[:, 0] for column in quantiles))
    largest = np.nanmax(log_n, axis=1)
    beyond = found.high >= np.log(cells["largest"])
    return {
        "emc50": np.exp(np.minimum(found.median, largest)),
        "low": np.where(found.low > 0, np.exp(np.minimum(found.low, largest)), np.nan),
        "high": np.where(beyond, np.nan, np.exp(found.high)),
    }, found.median > largest
