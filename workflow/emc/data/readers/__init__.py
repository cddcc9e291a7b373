"""What reads the program's own data sets: the tables `READERS` of all files of this folder."""

from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from emc.data.reader import Reader
from emc.errors import EmcError


def reader(name: str) -> Reader:
    """What reads the data set that a study calls `name`.

    Raises:
        EmcError: no file has it, or two have.
    """
    found = _readers()
    if name not in found:
        raise EmcError(
            f"data set {name!r}: expected it in READERS of a file in {Path(__file__).parent}, found"
            f" {', '.join(sorted(found))}"
        )
    return found[name]


@cache
def _readers() -> dict[str, Reader]:
    return collected(
        {
            file.name: import_module(f"{__name__}.{file.name}").READERS
            for file in iter_modules(__path__)
        }
    )


def collected(tables: dict[str, dict[str, Reader]]) -> dict[str, Reader]:
    """The readers of some files' tables by the name of a data set.

    Raises:
        EmcError: two files have one name.
    """
    found: dict[str, Reader] = {}
    for file, table in tables.items():
        for name, one in table.items():
            if found.setdefault(name, one) is not one:
                first = next(other for other, names in tables.items() if name in names)
                raise EmcError(
                    f"data set {name!r}: expected one reader, found one in {first}.py and one in"
                    f" {file}.py of {Path(__file__).parent}"
                )
    return found
