"""What a claim is: a statement, what it expects, and the cells that bear on it."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from emc.errors import EmcError
from emc.findings.association import Association
from emc.findings.factors import FACTORS, Factor
from emc.findings.material import Material
from emc.findings.pairs import (
    Pairs,
    against_parameters,
    pairs,
    pairs_at_equal_evaluations,
)
from emc.findings.statistics import Expectation
from emc.warehouse import Warehouse

Gather = Callable[[Material], Pairs | Association]
"""From a study's numbers to those that bear on a claim."""

ALL: Final = pl.lit(True)
MARGIN: Final = 1.1
"""The ratio of EMC up to which two procedures count as equally good."""


@dataclass(frozen=True, slots=True)
class Claim:
    """That a ratio of EMC, or a correlation, is greater, less or neither.

    `finding` is the number of the study's finding that it belongs to, None for the user's own;
    `ratio` says in words what is divided by what; `wants` says which cells bear on it; `margin`
    is the ratio that counts as equal. It is about what nets fit at minima, unless it is `of_budget`
    itself: then there is nothing to tell beside it.
    """

    name: str
    finding: int | None
    statement: str
    ratio: str
    expect: Expectation
    wants: str
    gather: Gather
    margin: float = MARGIN
    of_budget: bool = False


def compared(
    factor: Factor,
    over: object,
    under: object,
    *,
    level: pl.Expr | None = None,
    where: pl.Expr = ALL,
) -> Gather:
    """Gather from matched cells; `level` tells levels apart where the column does not."""

    def gather(material: Material) -> Pairs:
        about = material.cells.filter(where)
        if level is not None:
            about = about.with_columns(level.alias(factor.name))
        return pairs(about, factor, over, under)

    return gather


def compared_at_equal_evaluations(factor: Factor, over: object, under: object) -> Gather:
    """Gather from matched cells, each read at the same number of gradient evaluations."""
    return lambda material: pairs_at_equal_evaluations(
        material.cells, material.budgets, factor, over, under
    )


def per_parameter(where: pl.Expr) -> Gather:
    """Gather from single cells: samples fitted over parameters."""
    return lambda material: against_parameters(material.cells.filter(where))


def asked(
    name: str,
    compare: str,
    levels: Sequence[object],
    expect: str,
    where: Mapping[str, object] | None = None,
    *,
    margin: float = MARGIN,
) -> Claim:
    """A claim of the user's: EMC at the first of two levels against the second.

    Raises:
        EmcError: the factor, the number of levels or the expectation is not known.
    """
    if compare not in FACTORS:
        raise EmcError(
            f"claim {name!r}: compare: expected one of {', '.join(FACTORS)}, found {compare!r}"
        )
    if len(levels) != 2:
        raise EmcError(f"claim {name!r}: expected two levels, found {list(levels)}")
    if expect not in _ASKED:
        raise EmcError(
            f"claim {name!r}: expect: expected one of {', '.join(_ASKED)}, found {expect!r}"
        )
    over, under = levels
    conditions = [pl.col(column) == value for column, value in (where or {}).items()]
    factor = FACTORS[compare]
    only = "".join(f", {column} {value}" for column, value in (where or {}).items())
    measured = f"{factor.measured} at minima with {compare} {over}"
    return Claim(
        name=name,
        finding=None,
        statement=f"{measured} is {_ASKED[expect]} {under}{only}",
        ratio=f"{over} over {under}",
        expect=Expectation(expect),
        wants=f"cells that differ in {compare} only, {over} and {under}{only}",
        gather=compared(factor, over, under, where=pl.all_horizontal(ALL, *conditions)),
        margin=margin,
    )


_ASKED: Final = {
    "greater": "greater than with",
    "less": "less than with",
    "equal": "equal to that with",
}


def asked_of(warehouse: Warehouse) -> list[Claim]:
    """The claims that the study's author made."""
    return [
        asked(
            row["claim"],
            row["compare"],
            json.loads(row["levels"]),
            row["expect"],
            json.loads(row["conditions"]),
            margin=row["margin"],
        )
        for row in warehouse.view("claims").iter_rows(named=True)
    ]
