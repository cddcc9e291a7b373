"""Findings as files: a table for machines, a page of text for people."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from emc.findings.claim import Claim
from emc.findings.claims import CLAIMS
from emc.findings.judge import Finding, judge
from emc.findings.scaling import Exponent, exponents
from emc.store.atomic import write_text_atomically
from emc.store.columns import Column, Table
from emc.store.tables import write_table
from emc.warehouse import Warehouse

FINDINGS: Final = Table(
    "findings",
    "One row a claim: what the study says of it.",
    ("claim",),
    (
        Column("claim", "text", "name of the claim"),
        Column("finding", "whole", "number of the finding it belongs to", True),
        Column("statement", "text", "what is claimed"),
        Column("verdict", "text", "supported, contradicted or not enough evidence"),
        Column("sentence", "text", "the numbers in words"),
        Column("compared", "text", "what the ratio divides by what"),
        Column("expect", "text", "greater or smaller than one"),
        Column("ratio", "real", "geometric mean of the ratio of EMC; NaN without evidence"),
        Column("low", "real", "lower end of its 95 % interval"),
        Column("high", "real", "upper end of its 95 % interval"),
        Column("p", "real", "p of the t test; NaN below three units"),
        Column("p_holm", "real", "the same adjusted for the number of claims"),
        Column("p_wilcoxon", "real", "p of the signed-rank test"),
        Column("units", "whole", "independent ratios: configurations, or seeds of a single one"),
        Column("pairs", "whole", "pairs of cells, or cells, behind them"),
        Column("configurations", "whole", "configurations behind them"),
        Column("saturated", "whole", "pairs of configurations left out for a lower bound"),
        Column("wanted", "whole", "units that would decide at this mean and spread", True),
    ),
)


def write_findings(
    warehouse: Warehouse, table: Path, text: Path, claims: Iterable[Claim] = CLAIMS
) -> None:
    """Judge all claims; write them as Parquet and, with the exponents, as Markdown."""
    found = judge(warehouse, claims)
    write_table(table, FINDINGS, map(_row, found))
    write_text_atomically(text, "\n".join(_lines(found, exponents(warehouse))) + "\n")


def _row(finding: Finding) -> dict[str, Any]:
    row = asdict(finding)
    claim = finding.claim
    del row["claim"]
    return {
        "claim": claim.name,
        "finding": claim.finding,
        "statement": claim.statement,
        "sentence": finding.sentence,
        "compared": claim.ratio,
        "expect": claim.expect.value,
        **row,
    }


def _lines(found: Sequence[Finding], slopes: Sequence[Exponent]) -> Iterator[str]:
    yield from (
        "# Findings",
        "",
        "| finding | claim | verdict | numbers |",
        "| --- | --- | --- | --- |",
    )
    for made in found:
        number = made.claim.finding or "own"
        yield f"| {number} | {made.claim.statement} | {made.verdict} | {made.sentence} |"
    yield from ("", "## Growth with the number of parameters", "")
    if not slopes:
        yield "No procedure is measured at three sizes or more."
        return
    yield "| procedure | exponent | 95 % interval | sizes | cells |"
    yield "| --- | --- | --- | --- | --- |"
    for slope in slopes:
        yield (
            f"| {slope.procedure} | {slope.exponent:.3f} | {slope.low:.3f} to {slope.high:.3f}"
            f" | {slope.sizes} | {slope.cells} |"
        )
