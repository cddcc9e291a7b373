"""Samples that no net fits together: equal inputs that a labelling gives different labels."""

from dataclasses import dataclass

import numpy as np

from emc.data.equality import BINDING, EqualInputs, digests, equal_inputs, samples_in_conflict
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
        """As the function of this name says."""
        return bounding(self.pairs, self.samples, n, criterion)


def bounding(pairs: float, samples: int, n: float, criterion: float) -> str | None:
    """That pairs in conflict, of all samples, may end the fit of n of them, in one line.

    None where they hardly do: the view `emc` has the same as `conflict_bound`.
    """
    expected = pairs * n * (n - 1) / (samples * (samples - 1)) if samples > 1 else 0.0
    if expected < BINDING + (1 - criterion) * n:
        return None
    return (
        f"{n:,.4g} samples have on average {expected:,.3g} pairs of equal inputs with different"
        " labels, which no net fits: the data, not the net, may bound the number"
    )


def pairs_in_conflict(equal: EqualInputs, labels: str, classes: int) -> float:
    """Pairs of equal inputs to expect with different labels, of all samples of a data set.

    Those of labellings that say other things of equal inputs are not known, and count as none.
    """
    if labels == "random":
        return equal.pairs * (1 - 1 / classes)
    return float(equal.conflicting_pairs) if labels == "original" else 0.0


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
