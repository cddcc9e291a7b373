"""Modules of the program that have the name that a study gives, one file each."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from emc.errors import EmcError


def check_module(package: str, kind: str, name: str) -> None:
    """See that a package has the module of that name, without loading it.

    Raises:
        EmcError: it has none.
    """
    if find_spec(_place(package, name)) is None:
        raise EmcError(f"{kind} {name!r}: expected the module {_place(package, name)}, found none")


def named_module(package: str, kind: str, name: str) -> Any:
    """The module of a package that has the name.

    Raises:
        EmcError: it has none.
    """
    check_module(package, kind, name)
    return import_module(_place(package, name))


def _place(package: str, name: str) -> str:
    return f"{package}.{name.replace('-', '_')}"
