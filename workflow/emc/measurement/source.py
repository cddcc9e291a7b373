"""A cell's source: a prepared data set under a labelling."""

from dataclasses import dataclass

from emc.data.labelling import Drawn, draw
from emc.data.samples import Samples
from emc.study.sources import Labels


@dataclass(frozen=True, slots=True)
class LabelledSamples:
    """Samples of a data set with labels by a rule."""

    samples: Samples
    labels: Labels

    @property
    def available(self) -> int:
        """Largest n that can be drawn."""
        return self.samples.n

    def draw(self, n: int, seed: int) -> Drawn:
        """n distinct samples with their labels, all from the seed."""
        return draw(self.samples, self.labels, n, seed)
