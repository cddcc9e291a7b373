"""A journal that is not written to disk, for measurements that nobody resumes."""

from collections.abc import Sequence

import numpy as np

from emc.records import Probe


class UnwrittenJournal:
    """Finished rounds; end points are not kept."""

    def __init__(self) -> None:
        """Begin without rounds."""
        self.rounds: list[Sequence[Probe]] = []

    @property
    def probes(self) -> list[Probe]:
        """All probes, in order."""
        return [probe for one in self.rounds for probe in one]

    def append(
        self,
        probes: Sequence[Probe],
        endpoints: Sequence[dict[str, np.ndarray]],  # noqa: ARG002
    ) -> None:
        """Add a finished round."""
        self.rounds.append(probes)
