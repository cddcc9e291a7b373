"""The parts of the page that are there before any script runs."""

from collections.abc import Iterable, Sequence
from html import escape

from emc.figures import Figure
from emc.findings import Exponent, Finding, Prediction
from emc.records import Outcome
from emc.report.headline import Tile
from emc.warehouse import RELATIONS
from emc.warehouse.relations import SQL_TYPES, Relation


def tile_list(shown: Iterable[Tile]) -> str:
    """Large numbers, each with what it counts; failures lead to their list."""
    return "\n".join(
        f"<div><dt>{escape(tile.meaning)}{_to_failures(tile.failed)}</dt>"
        f"<dd>{escape(tile.number)}</dd></div>"
        for tile in shown
    )


def _to_failures(failed: str) -> str:
    return f'; <a href="#failures">{escape(failed)}</a>' if failed else ""


def paragraph(sentences: Sequence[str]) -> str:
    """The page's answer in a few sentences, or nothing where there are none."""
    return f'<p class="summary">{escape(" ".join(sentences))}</p>' if sentences else ""


def unknown_list(sentences: Sequence[str]) -> str:
    """What is not known, one line; nothing where there is nothing to say."""
    if not sentences:
        return ""
    text = escape(" ".join(sentences))
    return f'<p class="unknown"><strong>What is not known.</strong> {text}</p>'


def sentence_list(sentences: Iterable[str]) -> str:
    """Sentences as a list; one that says so where there are none."""
    items = [f"<li>{escape(sentence)}</li>" for sentence in sentences]
    nothing = "<li>No factor has a certain effect between matched cells yet.</li>"
    return "\n".join(items) or nothing


def finding_list(found: Sequence[Finding]) -> str:
    """Claims with evidence as a table, the others folded."""
    judged = [finding for finding in found if finding.statistics.units]
    others = [finding for finding in found if not finding.statistics.units]
    nothing = "<p>No claim has evidence in this study.</p>"
    rest = f"<details><summary>{len(others)} claims without evidence here</summary>"
    return (_finding_table(judged) if judged else nothing) + (
        f"{rest}{_finding_table(others)}</details>" if others else ""
    )


def _finding_table(found: Iterable[Finding]) -> str:
    rows = (
        (
            str(finding.claim.finding or "own"),
            escape(finding.claim.statement),
            f'<span class="verdict {finding.verdict.name.lower()}">{finding.verdict}</span>',
            escape(finding.sentence),
        )
        for finding in found
    )
    return _table(("finding", "claim", "verdict", "numbers"), rows)


def failure_list(failures: Sequence[tuple[str, str, str]]) -> str:
    """A section of failed stages with their reasons, or nothing where there are none."""
    if not failures:
        return ""
    rows = (tuple(escape(text) for text in failure) for failure in failures)
    return (
        '<section id="failures"><h2>Failures</h2>'
        "<p>These failed; <code>emc retry</code> clears chosen ones, and the next run tries them"
        f" again.</p>{_table(('cell', 'stage', 'reason'), rows)}</section>"
    )


def exponent_list(found: Sequence[Exponent]) -> str:
    """How EMC grows with the parameters, folded."""
    if not found:
        return "<p>No procedure has an exact answer at three sizes or more.</p>"
    rows = (
        (
            escape(slope.procedure),
            slope.shown,
            f"{slope.sizes:,}",
            slope.basis,
        )
        for slope in found
    )
    heads = ("procedure", "exponent (95 % interval)", "sizes", "cells")
    return (
        "<details><summary>How EMC grows with the number of parameters:"
        f" {len(found):,} exponent{'s' * (len(found) > 1)}</summary>{_table(heads, rows)}</details>"
    )


def prediction_list(found: Sequence[Prediction]) -> str:
    """How well the label gap predicts the generalisation gap, folded; nothing without a group."""
    if not found:
        return ""
    rows = (
        (
            escape(one.group),
            f"{one.configurations:,}",
            *one.shown,
            "breaks down" if one.breaks_down else "",
        )
        for one in found
    )
    heads = ("group", "configurations", "Pearson", "Kendall", "Pearson at equal size", "")
    return (
        "<details><summary>Does the label gap predict the generalisation gap? Correlations with"
        f" 95 % bootstrap intervals in {len(found):,} groups</summary>{_table(heads, rows)}"
        "</details>"
    )


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th scope=col>{title}</th>" for title in heads)
    body = "".join(
        f"<tr><th scope=row>{first}</th>{''.join(f'<td>{entry}</td>' for entry in rest)}</tr>"
        for first, *rest in rows
    )
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        "</div>"
    )


def drawn_figure(figure: Figure, caption: str) -> str:
    """A place for a chart, with title and caption."""
    return (
        f'<figure id="{figure.name}"><h3>{escape(figure.title)}</h3>'
        f'<div class="chart" data-chart="{figure.name}"></div>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def absent_figure(figure: Figure, lacking: str) -> str:
    """A line in the place of a figure that has nothing to show."""
    return (
        f'<figure id="{figure.name}" class="absent"><h3>{escape(figure.title)}</h3>'
        f"<figcaption>{_with_code(lacking)}</figcaption></figure>"
    )


def outcome_list() -> str:
    """Every outcome with its meaning."""
    return "\n".join(
        f"<div><dt>{outcome.value}</dt><dd>{escape(outcome.meaning)}</dd></div>"
        for outcome in Outcome
    )


def dictionary() -> str:
    """Every view and table with its columns, folded."""
    return "\n".join(_relation(relation) for relation in RELATIONS)


def _relation(relation: Relation) -> str:
    rows = (
        (
            f"<code>{escape(column.name)}</code>",
            SQL_TYPES[column.kind],
            escape(column.meaning) + (" <em>(may be empty)</em>" if column.nullable else ""),
        )
        for column in relation.columns
    )
    return (
        f"<details><summary><code>{escape(relation.name)}</code> {escape(relation.meaning)}"
        f"</summary>{_table(('column', 'type', 'meaning'), rows)}</details>"
    )


def version_line(versions: Iterable[tuple[str, str]]) -> str:
    """The software, in one line."""
    return escape(", ".join(f"{component} {version}" for component, version in versions))


def _with_code(text: str) -> str:
    """Escaped text with `backticks` as code."""
    parts = escape(text).split("`")
    return "".join(
        f"<code>{part}</code>" if place % 2 else part for place, part in enumerate(parts)
    )
