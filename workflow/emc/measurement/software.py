"""Which code measured: recorded with every cell, since a database gathers cells of many days."""

from importlib.metadata import PackageNotFoundError, version
from platform import python_version
from typing import Final

import emc

_PACKAGES: Final = ("numpy", "torch")


def software() -> str:
    """Names and versions, such as "emc 0.1.0, python 3.11.7, numpy 2.4.6, torch 2.14.1"."""
    known = [("emc", emc.__version__), ("python", python_version())]
    known += [(name, _version(name)) for name in _PACKAGES]
    return ", ".join(f"{name} {number}" for name, number in known if number)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
