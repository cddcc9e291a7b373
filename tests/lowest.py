"""The lowest versions that pyproject.toml allows, as pip's constraints.

Usage: python tests/lowest.py > lowest.txt; pip install --constraint lowest.txt --editable .[dev]
"""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
_REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9._-]+)>=(?P<lowest>[0-9.]+)")


def pins(project: Path = PROJECT) -> Iterator[str]:
    """`name==version` for each requirement of the project and of its extras.

    Raises:
        ValueError: a requirement is not of the form `name>=version`.
    """
    declared = tomllib.loads(project.read_text())["project"]
    extras = declared["optional-dependencies"].values()
    for requirement in [*declared["dependencies"], *(one for extra in extras for one in extra)]:
        found = _REQUIREMENT.fullmatch(requirement)
        if found is None:
            raise ValueError(f"{project}: expected name>=version, found {requirement!r}")
        yield f"{found['name']}=={found['lowest']}"


if __name__ == "__main__":
    print("\n".join(sorted(pins())))
