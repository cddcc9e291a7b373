"""The lowest versions that the project declares are true bounds of those that are tested."""

from pathlib import Path

import pytest
from packaging.version import Version
from tests.lowest import PROJECT, pins

ROOT = PROJECT.parent


def _named(lines: list[str]) -> dict[str, Version]:
    pairs = (line.split("==") for line in lines if "==" in line)
    return {name.lower().replace("_", "-"): Version(version) for name, version in pairs}


def test_no_version_is_constrained_twice() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line]
    assert len(_named(lines)) == len(lines)


def test_the_tested_versions_are_within_the_bounds() -> None:
    tested = _named((ROOT / "constraints.txt").read_text().splitlines())
    lowest = _named(list(pins()))
    assert {name: tested[name] for name in lowest if tested[name] < lowest[name]} == {}


def test_a_requirement_without_a_lowest_version_is_refused(tmp_path: Path) -> None:
    project = tmp_path / "pyproject.toml"
    project.write_text('[project]\ndependencies = ["numpy"]\noptional-dependencies = {}\n')
    with pytest.raises(ValueError, match="expected name>=version, found 'numpy'"):
        list(pins(project))
