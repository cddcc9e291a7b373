"""A source made of arrays that are in memory."""

from dataclasses import dataclass

import numpy as np

from emc.data.labelling import Drawn
from emc.errors import EmcError
from emc.seeds import generator


@dataclass(frozen=True, slots=True)
class ArraySource:
    """Inputs float32 [N, *shape] with labels int64 [N], or random ones where `labels` is None."""

    inputs: np.ndarray
    labels: np.ndarray | None
    classes: int

    @property
    def available(self) -> int:
        """Largest n that can be drawn."""
        return len(self.inputs)

    def draw(self, n: int, seed: int) -> Drawn:
        """n distinct samples with their labels, all from the seed.

        Raises:
            EmcError: there are fewer than n samples.
        """
        if not 1 <= n <= self.available:
            raise EmcError(f"{n} samples wanted, 1 to {self.available} can be drawn")
        rows = generator(seed, "samples").choice(self.available, n, replace=False)
        if self.labels is None:
            return Drawn(
                self.inputs, rows, generator(seed, "labels").integers(self.classes, size=n)
            )
        return Drawn(self.inputs, rows, self.labels[rows])
