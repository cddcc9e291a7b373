"""Where probes draw from: samples under a labelling."""

from dataclasses import dataclass

from emc.data.labelling import Drawable, Drawn, draw
from emc.study.labels import Labels, label_classes


@dataclass(frozen=True, slots=True)
class LabelledSamples:
    """Samples with labels by a rule."""

    samples: Drawable
    labels: Labels

    @property
    def classes(self) -> int:
        """Number of classes that a net tells apart."""
        return label_classes(self.labels, self.samples.classes)

    @property
    def available(self) -> int:
        """Largest n that can be drawn."""
        return self.samples.n

    def draw(self, n: int, seed: int) -> Drawn:
        """n distinct samples with their labels, all from the seed."""
        return draw(self.samples, self.labels, n, seed)
