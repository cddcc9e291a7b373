"""The views: each question that the figures, the findings and the page ask of a study."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from emc.data.equality import BINDING
from emc.store.columns import CELLS, CERTIFICATES, ESTIMATES, PROBES, RATES, Column, Table
from emc.warehouse.relations import View, names

_NOT_SHARED: Final = {"cell", "sections", "labels", "label_noise", "seed", "definition"}


def _columns(table: Table, *wanted: str, nullable: bool = False) -> tuple[Column, ...]:
    by_name = {column.name: column for column in table.columns}
    return tuple(
        replace(by_name[name], nullable=by_name[name].nullable or nullable) for name in wanted
    )


def _all_but(table: Table, left_out: Iterable[str]) -> tuple[Column, ...]:
    return tuple(column for column in table.columns if column.name not in left_out)


_FACTORS: Final = _columns(
    CELLS, "dataset", "labels", "architecture", "parameters", "activation", "optimizer"
)

_ANSWERS: Final = _columns(
    ESTIMATES,
    "emc50",
    "low",
    "high",
    "emc50_budget",
    "low_budget",
    "high_budget",
    "low_any_curve",
    "high_any_curve",
    "one_curve",
    "misfit",
    "unfitted_decided",
    "open_matters",
    nullable=True,
)
_SEARCH: Final = _columns(
    ESTIMATES,
    "tolerance",
    "tolerance_reached",
    "saturated",
    "below_smallest",
    "emc_walk",
    "best_lr",
    "rate_at_edge",
    "probes",
    "rounds",
    "memorised_bits",
    "seconds",
    "back_end",
    "device",
    "card",
    "round_size",
    "finish_refused",
    nullable=True,
)

FITTED: Final = "outcome IN ('fit', 'finished')"
"""Whether a probe fits at its minimum."""

_CONFLICT_SHARES: Final = """conflicts AS (
      SELECT cell, CASE labels WHEN 'original' THEN conflicting_pairs
        WHEN 'random' THEN pairs * (1 - 1 / c.classes) END
        / (d.samples::DOUBLE * nullif(d.samples - 1, 0)) AS conflict_share
      FROM cells AS c JOIN datasets AS d ON d.definition = (c.definition -> '$.dataset'))"""
"""A pair's share of conflicts: `EqualInputs.expected_conflicts` over n (n - 1)."""

EMC: Final = View(
    "emc",
    "One row per planned cell: what was asked for and what came out.",
    (
        *CELLS.columns,
        Column("status", "text", "measured, failed or missing"),
        *_ANSWERS,
        Column("transition_width", "real", "n fitted with probability 0.1 over 0.9", True),
        *_SEARCH,
        Column("below_smallest_budget", "truth", "emc50_budget is an upper bound", True),
        Column("saturated_budget", "truth", "emc50_budget is a lower bound", True),
        Column("per_parameter", "real", "emc50 / parameters", True),
        Column("per_trainable", "real", "emc50 / trainable", True),
        Column("per_bit", "real", "emc50 / bits", True),
        Column(
            "bits_per_parameter",
            "real",
            "random labels: emc50 log2(classes) / parameters",
            True,
        ),
        Column(
            "memorised_per_parameter",
            "real",
            "random labels: bits that one probe memorised / parameters; a lower bound of capacity",
            True,
        ),
        Column(
            "expected_conflicts",
            "real",
            "original and random labels: pairs of equal inputs with different labels that emc50"
            " samples have on average; empty for other labels and data that is not prepared",
            True,
        ),
        Column(
            "conflict_bound",
            "truth",
            f"expected_conflicts is at least {BINDING} above the errors that the criterion"
            " allows: equal inputs, not the net, may end the fit",
            True,
        ),
        Column("fits", "whole", "probes that fitted within the budget", True),
        Column("finished", "whole", "probes that the finish fitted", True),
        Column("minimum", "whole", "probes at a minimum that does not fit", True),
        Column("open", "whole", "probes of which nothing is decided", True),
        Column("diverged", "whole", "probes with a non-finite loss", True),
        Column("gradient_evaluations", "whole", "per-sample gradients of all probes", True),
        Column("certified", "whole", "end points with a certificate"),
        Column("certified_minimum", "whole", "of these: minimum"),
        Column("certified_fitted", "whole", "of these: fitted, gradient vanishing"),
        Column("certified_saddle", "whole", "of these: saddle"),
        Column("certified_unconverged", "whole", "of these: unconverged"),
        Column("certified_inconclusive", "whole", "of these: inconclusive"),
        Column("unfitted_examined", "whole", "certified end points of probes that did not fit"),
        Column("unfitted_certified", "whole", "of these: at a minimum, curvature and all"),
    ),
    f"""
    WITH outcomes AS (
      SELECT cell,
        count(*) FILTER (outcome = 'fit') AS fits,
        count(*) FILTER (outcome = 'finished') AS finished,
        count(*) FILTER (outcome = 'minimum') AS minimum,
        count(*) FILTER (outcome = 'open') AS open,
        count(*) FILTER (outcome = 'diverged') AS diverged,
        sum(gradient_evaluations)::BIGINT AS gradient_evaluations
      FROM probes GROUP BY cell),
    verdicts AS (
      SELECT cell,
        count(*) AS certified,
        count(*) FILTER (verdict = 'minimum') AS certified_minimum,
        count(*) FILTER (verdict = 'fitted, gradient vanishing') AS certified_fitted,
        count(*) FILTER (verdict = 'saddle') AS certified_saddle,
        count(*) FILTER (verdict = 'unconverged') AS certified_unconverged,
        count(*) FILTER (verdict = 'inconclusive') AS certified_inconclusive,
        count(*) FILTER (NOT {FITTED}) AS unfitted_examined,
        count(*) FILTER (NOT {FITTED} AND verdict = 'minimum') AS unfitted_certified
      FROM certificates GROUP BY cell),
    {_CONFLICT_SHARES}
    SELECT {names(CELLS.columns, "c")},
      CASE WHEN e.cell IS NOT NULL THEN 'measured' WHEN f.cell IS NOT NULL THEN 'failed'
        ELSE 'missing' END AS status,
      {names(_ANSWERS, "e")},
      e.width AS transition_width,
      {names(_SEARCH, "e")},
      coalesce(e.emc50_budget = e.high_budget, false) AS below_smallest_budget,
      (e.emc50_budget >= e.samples_available
        OR e.emc50_budget = e.low_budget AND e.high_budget IS NULL)
        AND NOT below_smallest_budget AS saturated_budget,
      e.emc50 / c.parameters AS per_parameter,
      e.emc50 / c.trainable AS per_trainable,
      e.emc50 / c.bits AS per_bit,
      CASE WHEN c.labels = 'random' THEN e.emc50 * log2(c.classes) / c.parameters END
        AS bits_per_parameter,
      CASE WHEN c.labels = 'random' THEN e.memorised_bits / c.parameters END
        AS memorised_per_parameter,
      d.conflict_share * e.emc50 * greatest(e.emc50 - 1, 0) AS expected_conflicts,
      expected_conflicts >= {BINDING} + (1 - c.criterion) * e.emc50 AS conflict_bound,
      o.fits, o.finished, o.minimum, o.open, o.diverged, o.gradient_evaluations,
      coalesce(v.certified, 0) AS certified,
      coalesce(v.certified_minimum, 0) AS certified_minimum,
      coalesce(v.certified_fitted, 0) AS certified_fitted,
      coalesce(v.certified_saddle, 0) AS certified_saddle,
      coalesce(v.certified_unconverged, 0) AS certified_unconverged,
      coalesce(v.certified_inconclusive, 0) AS certified_inconclusive,
      coalesce(v.unfitted_examined, 0) AS unfitted_examined,
      coalesce(v.unfitted_certified, 0) AS unfitted_certified
    FROM cells AS c
    LEFT JOIN estimates AS e ON e.cell = c.cell
    LEFT JOIN outcomes AS o ON o.cell = c.cell
    LEFT JOIN verdicts AS v ON v.cell = c.cell
    LEFT JOIN failures AS f ON f.cell = c.cell AND f.stage = 'measure'
    LEFT JOIN conflicts AS d ON d.cell = c.cell
    ORDER BY c.cell
    """,
)

MISSING: Final = View(
    "missing",
    "Planned cells without a result.",
    (*CELLS.columns, Column("reason", "text", "the error, where the measurement failed", True)),
    f"""
    SELECT {names(CELLS.columns, "c")}, f.reason
    FROM cells AS c ANTI JOIN estimates AS e ON e.cell = c.cell
    LEFT JOIN failures AS f ON f.cell = c.cell AND f.stage = 'measure'
    ORDER BY c.cell
    """,
)

ACCURACY_BY_N: Final = View(
    "accuracy_by_n",
    "Probes of a cell by learning rate and number of samples: how many fitted, how well.",
    (
        *_columns(PROBES, "cell", "lr", "n"),
        Column("probes", "whole", "probes with this rate and n"),
        Column("fits", "whole", "of these: fitted within the budget"),
        Column("finished", "whole", "of these: fitted by the finish"),
        Column("minimum", "whole", "of these: at a minimum that does not fit"),
        Column("open", "whole", "of these: nothing is decided"),
        Column("diverged", "whole", "of these: loss became non-finite"),
        Column("fit_share", "real", "fits / probes"),
        Column("accuracy_mean", "real", "mean training accuracy of the end points"),
        Column("accuracy_min", "real", "smallest training accuracy"),
        Column("accuracy_max", "real", "largest training accuracy"),
    ),
    """
    SELECT cell, lr, n, count(*) AS probes,
      count(*) FILTER (outcome = 'fit') AS fits,
      count(*) FILTER (outcome = 'finished') AS finished,
      count(*) FILTER (outcome = 'minimum') AS minimum,
      count(*) FILTER (outcome = 'open') AS open,
      count(*) FILTER (outcome = 'diverged') AS diverged,
      count(*) FILTER (outcome = 'fit') / count(*) AS fit_share,
      avg(accuracy) AS accuracy_mean,
      min(accuracy) AS accuracy_min,
      max(accuracy) AS accuracy_max
    FROM probes GROUP BY cell, lr, n ORDER BY cell, lr, n
    """,
)

EMC_BY_LEARNING_RATE: Final = View(
    "emc_by_learning_rate",
    "emc50 of every cell at each learning rate of its grid.",
    (
        *_columns(RATES, "cell", "lr", "emc50", "low", "high", "probes"),
        Column("best", "truth", "the rate that the search chose"),
        Column("of_best", "real", "emc50 over that of the best rate"),
        *_FACTORS,
    ),
    f"""
    SELECT {names(_columns(RATES, "cell", "lr", "emc50", "low", "high", "probes"), "r")},
      r.lr = e.best_lr AS best,
      r.emc50 / max(r.emc50) FILTER (r.lr = e.best_lr) OVER (PARTITION BY r.cell) AS of_best,
      {names(_FACTORS, "c")}
    FROM rates AS r JOIN cells AS c ON c.cell = r.cell JOIN estimates AS e ON e.cell = r.cell
    ORDER BY r.cell, r.lr
    """,
)

_SHARED: Final = _all_but(CELLS, _NOT_SHARED)

LABEL_GAP: Final = View(
    "label_gap",
    "Measured cells that differ in their labels only: original against random.",
    (
        Column("original", "text", "cell with original labels"),
        Column("random", "text", "cell with random labels"),
        Column("seed", "whole", "seed of both cells"),
        *_SHARED,
        Column("emc50_original", "real", "emc50 on original labels", True),
        Column("emc50_random", "real", "emc50 on random labels", True),
        Column("gap", "real", "emc50_original - emc50_random", True),
        Column("ratio", "real", "emc50_original / emc50_random", True),
        Column("saturated", "truth", "one of the two is a lower bound"),
        Column("below_smallest", "truth", "one of the two is an upper bound"),
        Column("open_matters", "truth", "open runs could move one of the two"),
    ),
    f"""
    WITH measured AS (
      SELECT *, json_merge_patch(definition, '{{"labels": null}}') AS all_but_labels
      FROM cells JOIN (
        SELECT cell, emc50, saturated, below_smallest, open_matters FROM estimates) USING (cell))
    SELECT o.cell AS original, r.cell AS random, o.seed, {names(_SHARED, "o")},
      o.emc50 AS emc50_original, r.emc50 AS emc50_random,
      o.emc50 - r.emc50 AS gap, o.emc50 / r.emc50 AS ratio,
      o.saturated OR r.saturated AS saturated,
      o.below_smallest OR r.below_smallest AS below_smallest,
      o.open_matters OR r.open_matters AS open_matters
    FROM measured AS o JOIN measured AS r
      ON r.all_but_labels = o.all_but_labels AND r.classes = o.classes
    WHERE o.labels = 'original' AND r.labels = 'random'
    ORDER BY o.cell, r.cell
    """,
)

_END_POINT: Final = _columns(
    CERTIFICATES,
    "cell",
    "round",
    "replica",
    "n",
    "outcome",
    "verdict",
    "loss",
    "gradient_norm",
    "lambda_min",
    "lambda_max",
    "trace",
    "exact",
    "negative_eigenvalues",
)
_KNOWN: Final = "(exact OR verdict NOT IN ('unconverged', 'inconclusive'))"

CURVATURE: Final = View(
    "curvature",
    "Certified end points with the factors of their cells.",
    (
        *_END_POINT,
        Column("curvature_ratio", "real", "lambda_min / lambda_max"),
        Column("lambda_min_known", "truth", "lambda_min is more than an upper bound"),
        Column("fitted", "truth", "the probe fits, within its budget or by its finish"),
        Column("n_over_emc50", "real", "n of the probe over the cell's emc50"),
        *_FACTORS,
    ),
    f"""
    SELECT {names(_END_POINT, "p")},
      p.lambda_min / p.lambda_max AS curvature_ratio,
      {_KNOWN} AS lambda_min_known,
      {FITTED} AS fitted,
      p.n / e.emc50 AS n_over_emc50,
      {names(_FACTORS, "c")}
    FROM certificates AS p JOIN cells AS c ON c.cell = p.cell
    JOIN estimates AS e ON e.cell = p.cell
    ORDER BY p.cell, p.round, p.replica
    """,
)

MINIMA: Final = View(
    "minima",
    "Where each optimizer's certified runs ended, fits and unfitted probes apart: verdicts and"
    " sharpness.",
    (
        Column("optimizer", "text", "optimizer"),
        Column("fitted", "truth", "end points of probes that fitted, or of those that did not"),
        Column("cells", "whole", "cells with such end points"),
        Column("end_points", "whole", "certified end points"),
        Column("minimum", "whole", "unfitted probes that came to rest at a minimum"),
        Column("saddle", "whole", "unfitted probes that came to rest at a saddle"),
        Column("unconverged", "whole", "unfitted probes that were still moving"),
        Column("inconclusive", "whole", "unfitted probes of which Lanczos could not tell"),
        Column("lambda_max_median", "real", "median of the largest eigenvalue"),
        Column("lambda_max_low", "real", "its lower quartile"),
        Column("lambda_max_high", "real", "its upper quartile"),
        Column("trace_median", "real", "median of the Hessian's trace"),
        Column("lambda_min_known", "whole", "end points whose lambda_min is no mere upper bound"),
        Column("curvature_ratio_median", "real", "their median lambda_min / lambda_max", True),
    ),
    f"""
    SELECT optimizer, fitted, count(DISTINCT cell) AS cells,
      count(*) AS end_points,
      {
        ", ".join(
            f"count(*) FILTER (NOT fitted AND verdict = '{verdict}') AS {verdict}"
            for verdict in ("minimum", "saddle", "unconverged", "inconclusive")
        )
    },
      median(lambda_max) AS lambda_max_median,
      quantile_cont(lambda_max, 0.25) AS lambda_max_low,
      quantile_cont(lambda_max, 0.75) AS lambda_max_high,
      median(trace) AS trace_median,
      count(*) FILTER (lambda_min_known) AS lambda_min_known,
      median(curvature_ratio) FILTER (lambda_min_known) AS curvature_ratio_median
    FROM curvature GROUP BY ALL ORDER BY optimizer, fitted
    """,
)

VIEWS: Final = (EMC, MISSING, ACCURACY_BY_N, EMC_BY_LEARNING_RATE, LABEL_GAP, CURVATURE, MINIMA)
