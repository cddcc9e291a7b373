"""The workflow's own files: beside the package in a checkout, inside it from a wheel."""

from pathlib import Path
from typing import Final

import emc
from emc.errors import EmcError

_PACKAGE: Final = Path(emc.__file__).parent
_INSTALLED: Final = _PACKAGE / "shipped"

ROOT: Final = _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parents[1]
"""The folder of Snakefile, profiles and the studies that come with the program."""

SNAKEFILE: Final = ROOT / "Snakefile"
TEMPLATE: Final = ROOT / "config" / "config.yaml"
"""A commented study to begin with."""
MANUAL: Final = ROOT / "config" / "README.md"
"""What every key of a study means."""


def shipped_study(name: str) -> Path:
    """The file of a study that comes with the program."""
    return ROOT / "config" / f"{name}.yaml"


def study_file(given: str) -> Path:
    """The study file that a user names: a path, or the name of a study that comes with the program.

    Raises:
        EmcError: a word without a suffix that is neither a file nor such a name.
    """
    path = Path(given)
    if path.exists() or path.suffix or len(path.parts) > 1:
        return path
    if shipped_study(given).exists():
        return shipped_study(given)
    raise EmcError(
        f"{given}: no such study file, and no study of that name comes with the program: expected"
        f" {', '.join(shipped_names())}"
    )


def shipped_names() -> list[str]:
    """Names of the studies that come with the program."""
    files = (ROOT / "config").glob("*.yaml")
    return sorted(file.stem for file in files if file != TEMPLATE)
