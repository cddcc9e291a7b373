"""Samples that no net fits together: equal inputs that a labelling gives different labels."""

from dataclasses import dataclass

import numpy as np

from emc.data.equality import BINDING, digests, equal_inputs, samples_in_conflict
from emc.data.labelling import Drawable
from emc.study.labels import Classes, Labels, PermutedPixels, Random, RandomInputs, label_classes


@dataclass(frozen=True, slots=True)
class Conflicts:
    """How many of the `samples` can come with another label than one of equal input.

    `pairs` are the conflicting ones to expect among all samples; `drawn` says that labels are
    random, so that which pairs conflict differs from probe to probe.
    """

    samples: int
    involved: int
    pairs: float
    drawn: bool

    @property
    def told(self) -> str:
        """What there is, in one line."""
        among = f"{self.involved:,} of {self.samples:,} samples have the same input as another"
        if self.drawn:
            return f"{among}: no net fits both where their random labels differ"
        return f"{among} with another label: no net fits both"

    def bounding(self, n: float, criterion: float) -> str | None:
        """That they may end the fit of n samples, in one line; None where they hardly do."""
        expected = self.pairs * n * (n - 1) / (self.samples * (self.samples - 1))
        if expected < BINDING + (1 - criterion) * n:
            return None
        return (
            f"{n:,.4g} samples have on average {expected:,.3g} pairs of equal inputs with different"
            " labels, which no net fits: the data, not the net, may bound the number"
        )


def conflicts_of(samples: Drawable, labels: Labels) -> Conflicts | None:
    """What stands in the way of a fit of samples under a labelling; None where nothing does.

    Of noisy labels, only what the original ones have is counted.
    """
    if isinstance(labels, RandomInputs | PermutedPixels):
        return None
    drawn = isinstance(labels, Random)
    told = np.arange(samples.n) if drawn else samples.labels
    if isinstance(labels, Classes):
        told = told % labels.count
    inputs = samples.shared_inputs()
    keys = digests(samples.inputs(np.arange(samples.n)) if inputs is None else inputs)
    pairs = equal_inputs(keys, told).conflicting_pairs
    if not pairs:
        return None
    differing = 1 - 1 / label_classes(labels, samples.classes) if drawn else 1.0
    return Conflicts(samples.n, samples_in_conflict(keys, told), differing * pairs, drawn)
