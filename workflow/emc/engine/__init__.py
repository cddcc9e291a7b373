"""Training of many replicas: back ends that follow one definition, and their choice.

Knows optimizers, batch orders, budgets and when a run is over; the definition is `sequential`.
Must not know sources, searches or files, and loads torch only where a torch back end runs.
"""

from typing import TYPE_CHECKING, Any

from emc.engine.procedure import Procedure, Replica, TrainedRun, Update

if TYPE_CHECKING:
    from emc.engine.choose import run_probes

__all__ = ["Procedure", "Replica", "TrainedRun", "Update", "run_probes"]


def __getattr__(name: str) -> Any:
    """Load the back ends' chooser when it is first asked for."""
    if name == "run_probes":
        from emc.engine.choose import run_probes

        return run_probes
    raise AttributeError(f"module 'emc.engine' has no attribute {name!r}")
