"""The map leads to places that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ROWS = [
    tuple(cell.strip() for cell in line.strip("|\n").split("|"))
    for line in (ROOT / "docs/map.md").read_text().splitlines()
    if "::" in line
]

WORDS = [
    tuple(cell.strip() for cell in line.strip("|\n").split("|"))[:3]
    for line in (ROOT / "docs/glossary.md").read_text().splitlines()
    if "::" in line
]


@pytest.mark.parametrize(("question", "place", "test"), ROWS)
def test_place_and_test_exist(question: str, place: str, test: str) -> None:
    file, name = place.split("::")
    text = (ROOT / file).read_text()
    assert re.search(rf"\b{re.escape(name)}\b", text), f"{question}: {file} has no {name}"
    assert (ROOT / test).is_file(), f"{question}: no {test}"


@pytest.mark.parametrize(("word", "meaning", "place"), WORDS)
def test_each_word_is_where_the_glossary_says(word: str, meaning: str, place: str) -> None:
    assert meaning
    file, name = place.split("::")
    text = (ROOT / file).read_text()
    assert re.search(rf"\b{re.escape(name)}\b", text), f"{word}: {file} has no {name}"


def test_every_floor_is_on_the_map() -> None:
    floors = {path.parent.name for path in (ROOT / "workflow/emc").glob("*/__init__.py")}
    named = {place.split("/")[2] for _, place, _ in ROWS if place.startswith("workflow/emc/")}
    assert floors - named <= {"records", "api"}


@pytest.mark.parametrize("page", sorted(ROOT.glob("*.md")) + sorted(ROOT.glob("*/*.md")))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)", page.read_text())
    broken = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not broken
