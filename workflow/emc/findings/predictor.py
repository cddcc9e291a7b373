"""Does the gap between EMC on original and random labels predict the generalisation gap?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from emc.findings.association import Association
from emc.findings.factors import Factor
from emc.findings.matching import matched
from emc.warehouse import Warehouse, once

FEWEST: Final = 4
"""Configurations that a correlation takes at least."""

_POINTS: Final = """
SELECT c.cell, c.definition, c.classes, c.parameters, c.architecture,
  CASE WHEN g.ratio > 0 THEN ln(g.ratio) END AS label_gap, t.gap,
  g.saturated OR g.below_smallest OR g.open_matters OR label_gap IS NULL AS bound
FROM label_gap AS g
JOIN (SELECT cell, avg(gap) AS gap FROM generalisation WHERE isfinite(gap) GROUP BY cell) AS t
  ON t.cell = g.original
JOIN cells AS c ON c.cell = g.original
ORDER BY g.original, g.random
"""


@dataclass(frozen=True, slots=True)
class Prediction:
    """How well the label gap predicts the generalisation gap within one group.

    Correlations over configurations, seeds averaged, each with its 95 % bootstrap interval;
    `partial` holds log parameters fixed, and the architecture too where a group has several.
    """

    group: str
    configurations: int
    pearson: float
    pearson_interval: tuple[float, float]
    kendall: float
    kendall_interval: tuple[float, float]
    partial: float
    partial_interval: tuple[float, float]
    unknown: int

    @property
    def shown(self) -> list[str]:
        """The three correlations with their intervals."""
        correlations = (
            (self.pearson, self.pearson_interval),
            (self.kendall, self.kendall_interval),
            (self.partial, self.partial_interval),
        )
        return [f"{value:.2f} ({low:.2f} to {high:.2f})" for value, (low, high) in correlations]

    @property
    def breaks_down(self) -> bool:
        """The interval of Pearson's correlation does not lie below zero."""
        return not self.pearson_interval[1] < 0


@once
def label_gap_association(warehouse: Warehouse) -> Association:
    """Log ratio of EMC on original over random labels, and the generalisation gap."""
    points = warehouse.sql(_POINTS)
    seeds = points.with_columns(matched(points, Factor("nothing", ()), apart=["seed"]))
    exact = seeds.filter(~pl.col("bound").any().over("group"))
    means = exact.group_by("group", "architecture", "parameters", maintain_order=True).agg(
        pl.col("label_gap", "gap").mean()
    )
    return Association(
        x=means["label_gap"].to_numpy(),
        y=means["gap"].to_numpy(),
        size=means["parameters"].log().to_numpy(),
        stratum=means["architecture"].to_numpy(),
        pairs=len(exact),
        unknown=len(points) - len(exact),
    )


def predictions(found: Association) -> list[Prediction]:
    """All configurations, each architecture, and its smaller and larger nets."""
    groups = [(name, found.rows(chosen)) for name, chosen in _groups(found)]
    return [_prediction(name, group) for name, group in groups if len(group.x) >= FEWEST]


def _groups(found: Association) -> Iterator[tuple[str, np.ndarray]]:
    families = np.unique(found.stratum)
    if len(families) != 1:
        yield "all architectures", np.ones(len(found.x), bool)
    for family in families:
        own = found.stratum == family
        yield str(family), own
        middle = np.median(found.size[own])
        yield f"{family}, smaller half", own & (found.size <= middle)
        yield f"{family}, larger half", own & (found.size > middle)


def _prediction(name: str, group: Association) -> Prediction:
    return Prediction(
        group=name,
        configurations=len(group.x),
        pearson=group.pearson,
        pearson_interval=group.interval(lambda sample: sample.pearson),
        kendall=group.kendall,
        kendall_interval=group.interval(lambda sample: sample.kendall),
        partial=group.partial,
        partial_interval=group.interval(lambda sample: sample.partial),
        unknown=group.unknown,
    )
