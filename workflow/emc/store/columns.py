"""The tables of the data product: each column's type, meaning and whether it may be empty."""

from dataclasses import dataclass
from typing import Final

from emc.records import Certificate, Estimate, Generalisation, Probe, RateEstimate
from emc.records.column import Column, ColumnKind, columns

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
    "ColumnKind",
    "Table",
]


@dataclass(frozen=True, slots=True)
class Table:
    """One table: its columns in order and the columns that identify a row."""

    name: str
    meaning: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]


def _keyed(key: tuple[str, ...], record: type) -> tuple[tuple[str, ...], tuple[Column, ...]]:
    """A key, and the columns of a record with those of the key first."""
    return key, tuple(sorted(columns(record), key=lambda column: column.name not in key))


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
    "estimates", "One row per measured cell: its EMC.", ("cell",), columns(Estimate)
)

RATES: Final = Table(
    "rates",
    "emc50 at each learning rate of a cell's grid.",
    ("cell", "lr"),
    (Column("cell", "text", "cell"), *columns(RateEstimate)),
)

CERTIFICATES: Final = Table(
    "certificates",
    "One row per certified end point: is it a minimum?",
    *_keyed(("cell", "round", "replica"), Certificate),
)

GENERALISATION: Final = Table(
    "generalisation",
    "One row per run of a cell's procedure on the whole training set, where the study asks for it.",
    ("cell", "seed"),
    columns(Generalisation),
)

FAILURES: Final = Table(
    "failures",
    "One row per stage of a cell that failed; `emc retry STUDY CELL` clears it.",
    ("cell", "stage"),
    (
        Column("cell", "text", "cell"),
        Column("stage", "text", "measure, or a stage that follows it"),
        Column("reason", "text", "the error"),
    ),
)

TABLES: Final = (CELLS, PROBES, ESTIMATES, RATES, CERTIFICATES, GENERALISATION, FAILURES)
