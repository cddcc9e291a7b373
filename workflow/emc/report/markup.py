"""The parts of the page that are there before any script runs."""

from collections.abc import Iterable
from html import escape

from emc.figures import Figure
from emc.records import Outcome
from emc.report.headline import Tile
from emc.warehouse import RELATIONS
from emc.warehouse.relations import SQL_TYPES, Relation


def tile_list(shown: Iterable[Tile]) -> str:
    """Large numbers, each with what it counts."""
    return "\n".join(
        f"<div><dt>{escape(tile.meaning)}</dt><dd>{escape(tile.number)}</dd></div>"
        for tile in shown
    )


def sentence_list(sentences: Iterable[str]) -> str:
    """Sentences as a list; one that says so where there are none."""
    items = [f"<li>{escape(sentence)}</li>" for sentence in sentences]
    nothing = "<li>No two measured cells differ in one factor only, so no effect is stated.</li>"
    return "\n".join(items) or nothing


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
    rows = "".join(
        f"<tr><th scope=row><code>{escape(column.name)}</code></th>"
        f"<td>{SQL_TYPES[column.kind]}</td><td>{escape(column.meaning)}"
        f"{' <em>(may be empty)</em>' if column.nullable else ''}</td></tr>"
        for column in relation.columns
    )
    return (
        f"<details><summary><code>{escape(relation.name)}</code> {escape(relation.meaning)}"
        f'</summary><div class="scroll"><table><thead><tr><th scope=col>column</th>'
        f"<th scope=col>type</th><th scope=col>meaning</th></tr></thead><tbody>{rows}</tbody>"
        "</table></div></details>"
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
