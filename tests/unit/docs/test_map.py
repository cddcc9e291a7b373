"""The map leads to places that exist."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ROWS = [
    tuple(cell.strip() for cell in line.strip("|\n").split("|"))
    for line in (ROOT / "docs/map.md").read_text().splitlines()
    if "::" in line
]

WORDS = [
    tuple(cell.strip() for cell in line.strip("|\n").split("|"))
    for line in (ROOT / "docs/glossary.md").read_text().splitlines()
    if "::" in line
]


@pytest.mark.parametrize(("question", "place", "test"), ROWS)
def test_place_and_test_exist(question: str, place: str, test: str) -> None:
    file, name = place.split("::")
    text = (ROOT / file).read_text()
    assert re.search(rf"\b{re.escape(name)}\b", text), f"{question}: {file} has no {name}"
    assert (ROOT / test).is_file(), f"{question}: no {test}"


@pytest.mark.parametrize(("word", "meaning", "place", "others"), WORDS)
def test_each_word_is_where_the_glossary_says(
    word: str, meaning: str, place: str, others: str
) -> None:
    assert meaning
    file, name = place.split("::")
    text = (ROOT / file).read_text()
    assert re.search(rf"\b{re.escape(name)}\b", text), f"{word}: {file} has no {name}"
    assert name not in re.findall("`(.+?)`", others)


def test_each_word_has_one_meaning() -> None:
    assert [word for word, times in Counter(row[0] for row in WORDS).items() if times > 1] == []


def _named() -> Iterator[tuple[Path, str, bool]]:
    """Modules, functions and types of the package: file, name, whether it is a type."""
    for file in sorted((ROOT / "workflow/emc").rglob("*.py")):
        yield file, file.stem, False
        tree = ast.parse(file.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                yield file, node.name, isinstance(node, ast.ClassDef)
        yield from ((file, name, True) for name in _aliases(tree))


def _aliases(tree: ast.Module) -> Iterator[str]:
    """Names like `Shapes = ...`; a TypeVar is of its file alone."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(name := node.targets[0], ast.Name):
            generic = ast.unparse(node.value).startswith(("TypeVar(", "ParamSpec("))
            if name.id != name.id.upper() and name.id[0].isupper() and not generic:
                yield name.id


def test_no_name_is_one_that_the_glossary_gave_up() -> None:
    given_up = {name for *_, others in WORDS for name in re.findall("`(.+?)`", others)}
    assert "Complaint" in given_up
    assert [(file, name) for file, name, _ in _named() if name in given_up] == []


def test_no_two_types_have_one_name() -> None:
    """A study's key has the name of what it sets."""
    study = ROOT / "workflow/emc/study"
    names = Counter(
        name
        for file, name, is_type in _named()
        if is_type and not name.startswith("_") and study not in file.parents
    )
    assert [name for name, times in names.items() if times > 1] == []


def test_every_floor_is_on_the_map() -> None:
    floors = {path.parent.name for path in (ROOT / "workflow/emc").glob("*/__init__.py")}
    named = {place.split("/")[2] for _, place, _ in ROWS if place.startswith("workflow/emc/")}
    assert floors - named <= {"records", "api"}


@pytest.mark.parametrize("page", sorted(ROOT.glob("*.md")) + sorted(ROOT.glob("*/*.md")))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)", page.read_text())
    broken = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not broken
