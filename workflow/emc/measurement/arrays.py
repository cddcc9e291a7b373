"""Samples made of arrays that are in memory."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class ArraySamples:
    """Inputs float32 [N, *shape] with labels int64 [N], 0 to classes - 1, from which to draw."""

    stored: np.ndarray
    labels: np.ndarray
    classes: int
    name: str = "data"

    @property
    def n(self) -> int:
        """Number of samples."""
        return len(self.labels)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one input."""
        return self.stored.shape[1:]

    def inputs(self, rows: np.ndarray) -> np.ndarray:
        """Inputs of some rows, a copy."""
        taken: np.ndarray = self.stored[rows]
        return taken

    def shared_inputs(self) -> np.ndarray:
        """Inputs of all rows."""
        return self.stored
