"""Study files as text, for tests."""

from pathlib import Path

from emc.study import PlannedCell, load_file

DEFAULTS = "{dataset: digits, architecture: {name: mlp, depth: 1, width: 4}}"


def text(section: str, *, defaults: str = DEFAULTS, more: str = "") -> str:
    """A study with one section `a`."""
    return f"study: s\ndefaults: {defaults}\nsections:\n  a: {section}\n{more}"


def planned(folder: Path, content: str) -> tuple[PlannedCell, ...]:
    """The cells of a study file with that content."""
    file = folder / "study.yaml"
    file.write_text(content, encoding="utf-8")
    return load_file(file).cells
