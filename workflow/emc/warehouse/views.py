"""The views: each question that the figures, the findings and the page ask of a study."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

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
    ESTIMATES, "emc50", "low", "high", "emc50_without_censored", nullable=True
)
_SEARCH: Final = _columns(
    ESTIMATES,
    "tolerance",
    "tolerance_reached",
    "saturated",
    "below_smallest",
    "emc_walk",
    "best_lr",
    "probes",
    "rounds",
    "memorised_bits",
    "seconds",
    "back_end",
    "device",
    nullable=True,
)

EMC: Final = View(
    "emc",
    "One row a planned cell: what was asked for and what came out.",
    (
        *CELLS.columns,
        Column("status", "text", "measured or missing"),
        *_ANSWERS,
        Column("transition_width", "real", "n fitted with probability 0.1 over 0.9", True),
        *_SEARCH,
        Column("per_parameter", "real", "emc50 / parameters", True),
        Column(
            "bits_per_parameter",
            "real",
            "random labels: emc50 log2(classes) / parameters",
            True,
        ),
        Column(
            "censoring_matters", "truth", "emc50_without_censored lies above the interval", True
        ),
        Column("fits", "whole", "probes that fitted", True),
        Column("stuck", "whole", "probes that converged without fitting", True),
        Column("censored", "whole", "probes whose budget ran out", True),
        Column("diverged", "whole", "probes with a non-finite loss", True),
        Column("gradient_evaluations", "whole", "per-sample gradients of all probes", True),
        Column("certified", "whole", "end points with a certificate"),
        Column("certified_minimum", "whole", "of these: minimum"),
        Column("certified_fitted", "whole", "of these: fitted, gradient vanishing"),
        Column("certified_saddle", "whole", "of these: saddle"),
        Column("certified_unconverged", "whole", "of these: unconverged"),
        Column("certified_inconclusive", "whole", "of these: inconclusive"),
        Column("failures_examined", "whole", "certified end points of probes that did not fit"),
        Column("failures_certified", "whole", "of these: minimum, so that the failure counts"),
    ),
    f"""
    WITH outcomes AS (
      SELECT cell,
        count(*) FILTER (outcome = 'fit') AS fits,
        count(*) FILTER (outcome = 'stuck') AS stuck,
        count(*) FILTER (outcome = 'censored') AS censored,
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
        count(*) FILTER (outcome <> 'fit') AS failures_examined,
        count(*) FILTER (outcome <> 'fit' AND verdict = 'minimum') AS failures_certified
      FROM certificates GROUP BY cell)
    SELECT {names(CELLS.columns, "c")},
      CASE WHEN e.cell IS NULL THEN 'missing' ELSE 'measured' END AS status,
      {names(_ANSWERS, "e")},
      e.width AS transition_width,
      {names(_SEARCH, "e")},
      e.emc50 / c.parameters AS per_parameter,
      CASE WHEN c.labels = 'random' THEN e.emc50 * log2(c.classes) / c.parameters END
        AS bits_per_parameter,
      e.emc50_without_censored > e.high AS censoring_matters,
      o.fits, o.stuck, o.censored, o.diverged, o.gradient_evaluations,
      coalesce(v.certified, 0) AS certified,
      coalesce(v.certified_minimum, 0) AS certified_minimum,
      coalesce(v.certified_fitted, 0) AS certified_fitted,
      coalesce(v.certified_saddle, 0) AS certified_saddle,
      coalesce(v.certified_unconverged, 0) AS certified_unconverged,
      coalesce(v.certified_inconclusive, 0) AS certified_inconclusive,
      coalesce(v.failures_examined, 0) AS failures_examined,
      coalesce(v.failures_certified, 0) AS failures_certified
    FROM cells AS c
    LEFT JOIN estimates AS e ON e.cell = c.cell
    LEFT JOIN outcomes AS o ON o.cell = c.cell
    LEFT JOIN verdicts AS v ON v.cell = c.cell
    ORDER BY c.cell
    """,
)

MISSING: Final = View(
    "missing",
    "Planned cells without a result.",
    CELLS.columns,
    f"SELECT {names(CELLS.columns)} FROM cells ANTI JOIN estimates USING (cell) ORDER BY cell",
)

ACCURACY_BY_N: Final = View(
    "accuracy_by_n",
    "Probes of a cell by learning rate and number of samples: how many fitted, how well.",
    (
        *_columns(PROBES, "cell", "lr", "n"),
        Column("probes", "whole", "probes with this rate and n"),
        Column("fits", "whole", "of these: fitted"),
        Column("stuck", "whole", "of these: converged without fitting"),
        Column("censored", "whole", "of these: budget ran out"),
        Column("diverged", "whole", "of these: loss became non-finite"),
        Column("fit_share", "real", "fits / probes"),
        Column("accuracy_mean", "real", "mean training accuracy of the end points"),
        Column("accuracy_min", "real", "smallest training accuracy"),
        Column("accuracy_max", "real", "largest training accuracy"),
    ),
    """
    SELECT cell, lr, n, count(*) AS probes,
      count(*) FILTER (outcome = 'fit') AS fits,
      count(*) FILTER (outcome = 'stuck') AS stuck,
      count(*) FILTER (outcome = 'censored') AS censored,
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
        Column("best", "truth", "the rate with the cell's largest emc50"),
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
        Column("emc50_original", "real", "emc50 on original labels"),
        Column("emc50_random", "real", "emc50 on random labels"),
        Column("gap", "real", "emc50_original - emc50_random"),
        Column("ratio", "real", "emc50_original / emc50_random"),
        Column("saturated", "truth", "one of the two is a lower bound"),
    ),
    f"""
    WITH measured AS (
      SELECT *, json_merge_patch(definition, '{{"labels": null}}') AS all_but_labels
      FROM cells JOIN (SELECT cell, emc50, saturated FROM estimates) USING (cell))
    SELECT o.cell AS original, r.cell AS random, o.seed, {names(_SHARED, "o")},
      o.emc50 AS emc50_original, r.emc50 AS emc50_random,
      o.emc50 - r.emc50 AS gap, o.emc50 / r.emc50 AS ratio,
      o.saturated OR r.saturated AS saturated
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
    "negative_eigenvalues",
)

CURVATURE: Final = View(
    "curvature",
    "Certified end points with the factors of their cells.",
    (
        *_END_POINT,
        Column("curvature_ratio", "real", "lambda_min / lambda_max"),
        Column("n_over_emc50", "real", "n of the probe over the cell's emc50"),
        *_FACTORS,
    ),
    f"""
    SELECT {names(_END_POINT, "p")},
      p.lambda_min / p.lambda_max AS curvature_ratio,
      p.n / e.emc50 AS n_over_emc50,
      {names(_FACTORS, "c")}
    FROM certificates AS p JOIN cells AS c ON c.cell = p.cell
    JOIN estimates AS e ON e.cell = p.cell
    ORDER BY p.cell, p.round, p.replica
    """,
)

VIEWS: Final = (EMC, MISSING, ACCURACY_BY_N, EMC_BY_LEARNING_RATE, LABEL_GAP, CURVATURE)
