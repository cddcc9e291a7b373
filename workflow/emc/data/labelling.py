"""The samples, inputs and labels that a probe gets, all from its seed."""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from emc.data.samples import Samples
from emc.errors import EmcError
from emc.seeds import generator
from emc.study.labels import (
    Classes,
    Labels,
    Noisy,
    Original,
    PermutedPixels,
    Random,
    RandomInputs,
    label_classes,
)


@dataclass(frozen=True, slots=True)
class Drawn:
    """n training samples: sample i is `inputs[rows[i]]` with class `labels[i]`.

    `inputs` is float32 [m, *shape], C-contiguous: the data set's shared array, or an array of the
    n samples alone; `rows` and `labels` are int64 [n].
    """

    inputs: np.ndarray
    rows: np.ndarray
    labels: np.ndarray


class Drawable(Protocol):
    """Samples to draw from: inputs float32 [n, *shape], labels int64 [n], 0 to classes - 1."""

    @property
    def name(self) -> str:
        """What messages call them."""

    @property
    def n(self) -> int:
        """Number of samples."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one input."""

    @property
    def classes(self) -> int:
        """Number of classes."""

    @property
    def labels(self) -> np.ndarray:
        """Their own labels."""

    def inputs(self, rows: np.ndarray) -> np.ndarray:
        """Inputs of some rows, float32 [k, *shape], a copy."""

    def shared_inputs(self) -> np.ndarray | None:
        """Inputs of all rows, not to be written to; None where they are too many."""


def draw(samples: Drawable, labels: Labels, n: int, seed: int) -> Drawn:
    """n distinct samples drawn without replacement, and their inputs and labels by the rule.

    Raises:
        EmcError: there are fewer than n samples, or the rule does not suit the data set.
    """
    _check(samples, labels, n)
    rows = generator(seed, "samples").choice(samples.n, n, replace=False)
    inputs = _inputs(samples, labels, rows, seed)
    return Drawn(*inputs, _labels(samples, labels, rows, seed))


def for_testing(samples: Samples, labels: Labels) -> Samples:
    """The test part that a labelling is tested on: its classes merged if the rule merges them.

    Label noise belongs to the training samples, so `noisy` is tested on the original labels.

    Raises:
        EmcError: what the labelling makes random says nothing of new samples.
    """
    test = samples.test()
    match labels:
        case Original() | Noisy():
            return test
        case Classes(count=count):
            return replace(test, labels=test.labels % count)
        case _:
            raise EmcError(f"labels: {labels.name!r} cannot be tested on new samples")


def _check(samples: Drawable, labels: Labels, n: int) -> None:
    name = samples.name
    if not 1 <= n <= samples.n:
        raise EmcError(f"{name}: expected 1 to {samples.n} samples to draw, found {n}")
    if isinstance(labels, Classes) and labels.count > samples.classes:
        raise EmcError(f"{name}: expected at most {samples.classes} classes, found {labels.count}")
    if isinstance(labels, PermutedPixels) and len(samples.shape) != 3:
        raise EmcError(f"{name}: 'permuted-pixels': expected images, found inputs {samples.shape}")


def _inputs(
    samples: Drawable, labels: Labels, rows: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Inputs, and where in them each sample lies."""
    own = np.arange(len(rows))
    match labels:
        case RandomInputs():
            shape = (len(rows), *samples.shape)
            return generator(seed, "inputs").standard_normal(shape, dtype=np.float32), own
        case PermutedPixels():
            return _permuted(samples.inputs(rows), generator(seed, "inputs")), own
        case _:
            shared = samples.shared_inputs()
            return (samples.inputs(rows), own) if shared is None else (shared, rows)


def _permuted(images: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Each image's pixels in an order of its own, all channels of a pixel together."""
    n, channels, height, width = images.shape
    order = draw.permuted(np.tile(np.arange(height * width), (n, 1)), axis=1)
    pixels = images.reshape(n, channels, height * width)
    return np.take_along_axis(pixels, order[:, None], axis=2).reshape(images.shape)


def _labels(samples: Drawable, labels: Labels, rows: np.ndarray, seed: int) -> np.ndarray:
    own: np.ndarray = samples.labels[rows]
    match labels:
        case Random():
            classes = label_classes(labels, samples.classes)
            return generator(seed, "labels").integers(classes, size=len(rows))
        case Noisy(fraction=fraction):
            return _noisy(own, fraction, samples.classes, generator(seed, "labels"))
        case Classes(count=count):
            return own % count
        case _:
            return own


def _noisy(own: np.ndarray, fraction: float, classes: int, draw: np.random.Generator) -> np.ndarray:
    """Another class, uniformly random, for round(fraction * n) of the samples."""
    wrong = draw.choice(len(own), round(fraction * len(own)), replace=False)
    noisy = own.copy()
    noisy[wrong] = (own[wrong] + draw.integers(1, classes, size=len(wrong))) % classes
    return noisy
