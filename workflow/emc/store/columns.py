"""The tables of the data product: each column's type, meaning and whether it may be empty."""

from dataclasses import dataclass
from typing import Final

from emc.records import Generalisation, Probe
from emc.records.column import Column, Kind, columns

__all__ = [
    "CELLS",
    "CERTIFICATES",
    "ESTIMATES",
    "FAILURES",
    "GENERALISATION",
    "PROBES",
    "RATES",
    "TABLES",
    "Column",
    "Kind",
    "Table",
]


@dataclass(frozen=True, slots=True)
class Table:
    """One table: its columns in order and the columns that identify a row."""

    name: str
    meaning: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]


CELLS: Final = Table(
    "cells",
    "The plan: every cell that the study asks for.",
    ("cell",),
    (
        Column("cell", "text", "id: a readable stem and a hash of everything that decides EMC"),
        Column("sections", "texts", "sections of the study that ask for this cell"),
        Column("dataset", "text", "data set"),
        Column("labels", "text", "labelling"),
        Column("label_noise", "real", "fraction of wrong labels (labelling `noisy`)", True),
        Column("classes", "whole", "classes the net tells apart", True),
        Column("samples", "whole", "training samples that the data set offers", True),
        Column("architecture", "text", "family of the net"),
        Column("width", "whole", "the family's width", True),
        Column("depth", "whole", "the family's depth", True),
        Column("parameters", "whole", "parameters of the net", True),
        Column("parameterisation", "text", "what is trained of the net"),
        Column("trainable", "whole", "numbers that train", True),
        Column("bits", "whole", "bits that hold the numbers that train", True),
        Column("activation", "text", "activation"),
        Column("initialisation", "text", "rule of the initial weights"),
        Column("optimizer", "text", "optimizer"),
        Column("rates", "reals", "learning rates tried"),
        Column("momentum", "real", "momentum", True),
        Column("weight_decay", "real", "weight decay"),
        Column("schedule", "text", "learning-rate schedule"),
        Column("batch", "whole", "samples per step; empty for full batch", True),
        Column("batch_order", "text", "stream, balanced, ragged or full"),
        Column("loss", "text", "loss that is minimised"),
        Column("label_smoothing", "real", "label smoothing"),
        Column("budget_epochs", "whole", "longest training, epochs", True),
        Column("budget_steps", "whole", "longest training, optimizer steps", True),
        Column("criterion", "real", "training accuracy that counts as a fit"),
        Column("method", "text", "search method"),
        Column("seed", "whole", "seed of the cell"),
        Column("definition", "text", "the cell as canonical JSON"),
    ),
)

PROBES: Final = Table(
    "probes",
    "Every probe of every cell: its training run, and what finished it.",
    ("cell", "round", "replica"),
    columns(Probe),
)

ESTIMATES: Final = Table(
    "estimates",
    "One row per measured cell: its EMC.",
    ("cell",),
    (
        Column("cell", "text", "cell"),
        Column("method", "text", "search method"),
        Column(
            "emc50",
            "real",
            "samples that are fitted at minima with probability one half; empty where no failure is"
            " decided",
            True,
        ),
        Column(
            "low",
            "real",
            "lower end of the 95 % interval of emc50, open runs being failures; empty for an upper"
            " bound and below 1",
            True,
        ),
        Column(
            "high",
            "real",
            "upper end of the 95 % interval of emc50, open runs left out; empty where saturated or"
            " beyond the data",
            True,
        ),
        Column(
            "emc50_budget",
            "real",
            "samples that are fitted within the budget with probability one half",
        ),
        Column(
            "low_budget",
            "real",
            "lower end of the 95 % interval of emc50_budget; empty for an upper bound and below 1",
            True,
        ),
        Column(
            "high_budget",
            "real",
            "upper end of the 95 % interval of emc50_budget; empty where it is a lower bound or"
            " beyond the data",
            True,
        ),
        Column(
            "low_any_curve",
            "real",
            "lower end of a 95 % confidence set of what the search aims at that assumes no curve,"
            " only that the probability crosses one half once; empty where not known",
            True,
        ),
        Column("high_any_curve", "real", "upper end of the same set; empty where not known", True),
        Column("one_curve", "truth", "one smooth curve describes the probes"),
        Column("misfit", "text", "why one smooth curve does not describe the probes", True),
        Column(
            "unfitted_decided",
            "real",
            "share of the unfitted probes in the transition (fitted probability from 5 to 95 %)"
            " that are"
            " decided: diverged or at a minimum; empty without any",
            True,
        ),
        Column("open_matters", "truth", "open runs could move emc50 beyond the tolerance"),
        Column("width", "real", "n fitted with probability 0.1 over n fitted with 0.9"),
        Column("emc_walk", "whole", "last n that a walk fitted", True),
        Column("saturated", "truth", "the data ended first: emc50 is a lower bound"),
        Column("below_smallest", "truth", "not even the smallest n: emc50 is an upper bound"),
        Column("tolerance", "real", "wanted relative half width of the interval"),
        Column("tolerance_reached", "truth", "the interval is that narrow"),
        Column("best_lr", "real", "learning rate that the search chose"),
        Column(
            "rate_at_edge",
            "text",
            "lowest or highest where the best learning rate lies at that end of its grid",
            True,
        ),
        Column("probes", "whole", "probes spent"),
        Column("rounds", "whole", "rounds of the search"),
        Column("parameters", "whole", "trainable parameters"),
        Column("classes", "whole", "classes"),
        Column("samples_available", "whole", "training samples that the data set offers"),
        Column("memorised_bits", "real", "largest number of bits that a probe memorised"),
        Column("seconds", "real", "wall time of all probes"),
        Column("back_end", "text", "engine"),
        Column("device", "text", "kind of device"),
        Column("software", "text", "versions of the code that measured", True),
        Column("finish_refused", "text", "why no probe could be brought to a minimum", True),
        Column("native_refused", "text", "why the native kernels did not train the net", True),
    ),
)

RATES: Final = Table(
    "rates",
    "emc50 at each learning rate of a cell's grid.",
    ("cell", "lr"),
    (
        Column("cell", "text", "cell"),
        Column("lr", "real", "learning rate"),
        Column("emc50", "real", "samples that are fitted with probability one half"),
        Column(
            "low",
            "real",
            "lower end of the 95 % interval; empty for an upper bound and below 1",
            True,
        ),
        Column(
            "high",
            "real",
            "upper end of the 95 % interval; empty for a lower bound and beyond the data",
            True,
        ),
        Column("probes", "whole", "probes at this rate"),
    ),
)

CERTIFICATES: Final = Table(
    "certificates",
    "One row per certified end point: is it a minimum?",
    ("cell", "round", "replica"),
    (
        Column("cell", "text", "cell"),
        Column("round", "whole", "round of the probe"),
        Column("replica", "whole", "place of the probe in its round"),
        Column("n", "whole", "training samples"),
        Column("outcome", "text", "how the probe ended"),
        Column("verdict", "text", "what the certificate says"),
        Column("reason", "text", "why, and of which mode of a net where its modes differ"),
        Column("loss", "real", "mean training loss, float64"),
        Column("gradient_norm", "real", "norm of the full-batch mean gradient"),
        Column("relative_gradient_norm", "real", "the same relative to weights and curvature"),
        Column("plateau", "real", "relative variation of the last ten epoch losses"),
        Column(
            "lambda_min",
            "real",
            "smallest eigenvalue of the loss Hessian; an upper bound where neither exact nor"
            " accurate to its residual",
        ),
        Column("lambda_min_residual", "real", "residual of its Ritz vector"),
        Column("lambda_max", "real", "largest eigenvalue of the loss Hessian"),
        Column("lambda_max_residual", "real", "residual of its Ritz vector"),
        Column("trace", "real", "trace of the loss Hessian; an estimate unless exact"),
        Column("negative_eigenvalues", "whole", "negative eigenvalues, where exact", True),
        Column("exact", "truth", "the whole spectrum was computed"),
        Column("iterations", "whole", "Lanczos iterations; 0 where exact"),
        Column("eps", "real", "curvature tolerance relative to lambda_max"),
        Column("delta", "real", "probability with which the bound may miss; 0 where exact"),
        Column("seconds", "real", "wall time of the certificate"),
        Column("spectrum_values", "reals", "the spectrum as a quadrature: eigenvalues"),
        Column("spectrum_shares", "reals", "share of all eigenvalues that each stands for"),
    ),
)

GENERALISATION: Final = Table(
    "generalisation",
    "One row per run of a cell's procedure on the whole training set, where the study asks for it.",
    ("cell", "seed"),
    columns(Generalisation),
)

FAILURES: Final = Table(
    "failures",
    "One row per stage of a cell that failed; `emc retry` clears it.",
    ("cell", "stage"),
    (
        Column("cell", "text", "cell"),
        Column("stage", "text", "measure, or a stage that follows it"),
        Column("reason", "text", "the error"),
    ),
)

TABLES: Final = (CELLS, PROBES, ESTIMATES, RATES, CERTIFICATES, GENERALISATION, FAILURES)
