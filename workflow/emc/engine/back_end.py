"""What a back end is: a way to train replicas."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from emc.engine.checkpoint import Checkpoints
from emc.engine.procedure import Procedure, Replica, TrainedRun
from emc.engine.slices import InSlices


class BackEnd(Protocol):
    """A way to train replicas; all back ends follow the same definitions."""

    name: str

    def refuses(self, procedure: Procedure) -> str | None:
        """Why this back end cannot run the procedure, or None."""

    def run(
        self, procedure: Procedure, replicas: Sequence[Replica], checkpoints: Checkpoints = ...
    ) -> list[TrainedRun]:
        """Train every replica and answer in their order."""


@runtime_checkable
class SlicingBackEnd(BackEnd, Protocol):
    """One whose calls can share launches with other calls."""

    def in_slices(
        self, procedure: Procedure, replicas: Sequence[Replica], checkpoints: Checkpoints = ...
    ) -> InSlices[list[TrainedRun]]:
        """The same as `run`, a slice at a time."""
