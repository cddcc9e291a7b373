"""What a claim is: a statement, what it expects, and the cells that bear on it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import polars as pl

from emc.errors import EmcError
from emc.findings.factors import FACTORS, Factor
from emc.findings.pairs import Pairs, against_parameters, pairs

Evidence = Callable[[pl.DataFrame], Pairs]
"""From measured rows of the view `emc` to the log ratios that bear on a claim."""

ALL: Final = pl.lit(True)


class Expectation(StrEnum):
    """Which way a claim has the ratio of EMC."""

    GREATER = "greater"
    SMALLER = "smaller"


@dataclass(frozen=True, slots=True)
class Claim:
    """That a ratio of EMC is greater or smaller than one.

    `finding` is the number of the study's finding that it belongs to, None for the user's own;
    `ratio` says in words what is divided by what; `wants` says which cells bear on it. Where no
    cell of this version can, `evidence` is None.
    """

    name: str
    finding: int | None
    statement: str
    ratio: str
    expect: Expectation
    wants: str
    evidence: Evidence | None


def compared(
    factor: Factor,
    over: object,
    under: object,
    *,
    level: pl.Expr | None = None,
    where: pl.Expr = ALL,
) -> Evidence:
    """Evidence from matched cells; `level` tells levels apart where the column does not."""

    def evidence(cells: pl.DataFrame) -> Pairs:
        about = cells.filter(where)
        if level is not None:
            about = about.with_columns(level.alias(factor.name))
        return pairs(about, factor, over, under)

    return evidence


def per_parameter(where: pl.Expr) -> Evidence:
    """Evidence from single cells: samples fitted over parameters."""
    return lambda cells: against_parameters(cells.filter(where))


def asked(
    name: str,
    compare: str,
    levels: Sequence[object],
    expect: str,
    where: Mapping[str, object] | None = None,
) -> Claim:
    """A claim of the user's: EMC at the first of two levels against the second.

    Raises:
        EmcError: the factor, the number of levels or the expectation is not known.
    """
    if compare not in FACTORS:
        raise EmcError(f"claim {name!r}: compare {compare!r}: allowed are {', '.join(FACTORS)}")
    if len(levels) != 2:
        raise EmcError(f"claim {name!r}: two levels are wanted, found {list(levels)}")
    if expect not in list(Expectation):
        raise EmcError(f"claim {name!r}: expect {expect!r}: allowed are greater, smaller")
    over, under = levels
    conditions = [pl.col(column) == value for column, value in (where or {}).items()]
    return Claim(
        name=name,
        finding=None,
        statement=f"EMC with {compare} {over} is {expect} than with {compare} {under}",
        ratio=f"{over} over {under}",
        expect=Expectation(expect),
        wants=f"cells that differ in {compare} only, {over} and {under}",
        evidence=compared(FACTORS[compare], over, under, where=pl.all_horizontal(ALL, *conditions)),
    )
