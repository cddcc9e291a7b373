"""Effective Model Complexity: how many samples a training procedure fits.

Importing this package loads nothing heavy: its names arrive at first use, so that a
Snakefile parses without torch, duckdb or altair.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_PLACES = {"architecture": "emc.nets.own"}


def __getattr__(name: str) -> Any:
    """Load a name's module when the name is first asked for."""
    if name in _PLACES:
        return getattr(import_module(_PLACES[name]), name)
    raise AttributeError(f"module 'emc' has no attribute {name!r}")
