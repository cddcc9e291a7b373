"""Where probes draw from: samples under a labelling."""

from dataclasses import dataclass
from typing import Protocol

from emc.data.labelling import Drawable, Drawn, draw
from emc.engine.procedure import Replica
from emc.study.labels import Labels, label_classes


class Source(Protocol):
    """Where a probe's samples come from."""

    @property
    def available(self) -> int:
        """Largest n that can be drawn."""

    def draw(self, n: int, seed: int) -> Drawn:
        """n samples with their labels, all from the seed."""


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


def replica(source: Source, n: int, lr: float, seed: int) -> Replica:
    """A run to train on n samples, all that is random in it being drawn from the seed."""
    drawn = source.draw(n, seed)
    return Replica(drawn.inputs, drawn.rows, drawn.labels, seed, lr)
