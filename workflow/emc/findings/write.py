"""Findings as files: a table for machines, a page of text for people."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from emc.findings.judge import Finding, judge
from emc.findings.predictor import FEWEST, Prediction, label_gap_association, predictions
from emc.findings.scaling import Exponent, exponents
from emc.store.atomic import write_text_atomically
from emc.store.columns import Column, Table
from emc.store.tables import write_table
from emc.warehouse import Warehouse

FINDINGS: Final = Table(
    "findings",
    "One row per claim: what the study says of it.",
    ("claim",),
    (
        Column("claim", "text", "name of the claim"),
        Column("finding", "whole", "number of the finding it belongs to", True),
        Column("statement", "text", "what is claimed"),
        Column("verdict", "text", "supported, contradicted or not enough evidence"),
        Column("sentence", "text", "the numbers in words"),
        Column("compared", "text", "what the ratio divides by what, or what is correlated"),
        Column("expect", "text", "greater, less, equal or not less"),
        Column("margin", "real", "ratio up to which equal counts as equal"),
        Column("measure", "text", "ratio (a geometric mean) or correlation"),
        Column("effect", "real", "the ratio or correlation; NaN without evidence"),
        Column("low", "real", "lower end of its 95 % interval"),
        Column("high", "real", "upper end of its 95 % interval"),
        Column("p", "real", "p of the test that decides; NaN below three units"),
        Column("p_holm", "real", "the same adjusted for the number of claims"),
        Column("p_wilcoxon", "real", "p of the signed-rank test of exact ratios"),
        Column("p_sign", "real", "p of the sign test of all ratios with a known order"),
        Column("units", "whole", "independent units: configurations, or seeds of a single one"),
        Column("bounds", "whole", "of these: known to lie on one side of a bound only"),
        Column("pairs", "whole", "pairs of cells, or cells, behind them"),
        Column("configurations", "whole", "configurations behind them"),
        Column("unknown", "whole", "pairs left out, bounds on both sides"),
        Column("effect_budget", "real", "the same within the budget", True),
        Column("low_budget", "real", "lower end of its 95 % interval", True),
        Column("high_budget", "real", "upper end of its 95 % interval", True),
        Column("wanted", "whole", "units that would decide at this effect and spread", True),
    ),
)


def write_findings(warehouse: Warehouse, table: Path, text: Path) -> None:
    """Judge all claims; write them as Parquet and, with what else is found, as Markdown."""
    found = judge(warehouse)
    write_table(table, FINDINGS, map(_row, found))
    lines = [
        *_claims(found),
        *_predictions(predictions(label_gap_association(warehouse))),
        *_exponents(exponents(warehouse)),
    ]
    write_text_atomically(text, "\n".join(lines) + "\n")


def _row(finding: Finding) -> dict[str, Any]:
    claim, numbers = finding.claim, asdict(finding.statistics)
    del numbers["agrees"], numbers["size"], numbers["differ"]
    return {
        "claim": claim.name,
        "finding": claim.finding,
        "statement": claim.statement,
        "verdict": finding.verdict.value,
        "sentence": finding.sentence,
        "compared": claim.ratio,
        "expect": claim.expect.value,
        "margin": claim.margin,
        "p_holm": finding.p_holm,
        "wanted": finding.wanted,
        "effect_budget": finding.budget and finding.budget.effect,
        "low_budget": finding.budget and finding.budget.low,
        "high_budget": finding.budget and finding.budget.high,
        **numbers,
    }


def _claims(found: Sequence[Finding]) -> Iterator[str]:
    yield from (
        "# Findings",
        "",
        "| finding | claim | verdict | numbers |",
        "| --- | --- | --- | --- |",
    )
    for made in found:
        number = made.claim.finding or "this study's"
        yield f"| {number} | {made.claim.statement} | {made.verdict} | {made.sentence} |"


def _predictions(found: Sequence[Prediction]) -> Iterator[str]:
    yield from ("", "## Does the label gap predict the generalisation gap?", "")
    if not found:
        yield f"No group has {FEWEST} configurations with a label gap and a test accuracy."
        return
    yield "| group | configurations | Pearson | Kendall | at equal size | |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for made in found:
        numbers = " | ".join(made.shown)
        remark = "breaks down" if made.breaks_down else ""
        yield f"| {made.group} | {made.configurations} | {numbers} | {remark} |"


def _exponents(slopes: Sequence[Exponent]) -> Iterator[str]:
    yield from ("", "## Growth with the number of parameters", "")
    if not slopes:
        yield "No procedure has an exact answer at three sizes or more."
        return
    yield "| procedure | exponent (95 % interval) | sizes | cells |"
    yield "| --- | --- | --- | --- |"
    for slope in slopes:
        yield f"| {slope.procedure} | {slope.shown} | {slope.sizes} | {slope.basis} |"
