"""What reads the program's own data sets: the tables `READERS` of all files of this folder."""

from importlib import import_module
from pkgutil import iter_modules
from typing import Final

from emc.data.reader import Reader


def _readers() -> dict[str, Reader]:
    """By the name of a data set in a study."""
    found: dict[str, Reader] = {}
    for file in iter_modules(__path__):
        found |= import_module(f"{__name__}.{file.name}").READERS
    return found


READERS: Final = _readers()
