"""Effective Model Complexity: how many samples a training procedure fits.

Importing this package loads nothing heavy: its names arrive at first use, so that a
Snakefile parses without torch, duckdb or altair.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emc.api.certify import certify
    from emc.api.cut_short import CutShortError
    from emc.api.measure import measure
    from emc.data.plugin_dataset import dataset
    from emc.engine.plugin_optimizer import optimizer
    from emc.errors import EmcError
    from emc.nets.plugin_activation import activation
    from emc.nets.plugin_architecture import architecture
    from emc.warehouse.open import open_database as open  # noqa: A004

__version__ = "0.1.0"

__all__ = [
    "CutShortError",
    "EmcError",
    "activation",
    "architecture",
    "certify",
    "dataset",
    "measure",
    "open",
    "optimizer",
]

_HOMES = {
    "CutShortError": ("emc.api.cut_short", "CutShortError"),
    "EmcError": ("emc.errors", "EmcError"),
    "activation": ("emc.nets.plugin_activation", "activation"),
    "architecture": ("emc.nets.plugin_architecture", "architecture"),
    "certify": ("emc.api.certify", "certify"),
    "dataset": ("emc.data.plugin_dataset", "dataset"),
    "measure": ("emc.api.measure", "measure"),
    "open": ("emc.warehouse.open", "open_database"),
    "optimizer": ("emc.engine.plugin_optimizer", "optimizer"),
}


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'emc' has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(import_module(module), attribute)
