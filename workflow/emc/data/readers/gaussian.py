"""Synthetic inputs whose exact capacity is known."""

from math import exp
from typing import Final

import numpy as np

from emc.data.content import Content, Part, Scaling, in_memory
from emc.data.originals import Shelf
from emc.data.reader import About, Reader
from emc.seeds import generator
from emc.study.datasets import Gaussian

_NEVER: Final = 1e-12
"""A chance that is not worth a draw of all samples."""


def classes_drawn(dataset: Gaussian) -> int:
    """Number of classes that have a training sample: of many samples, all.

    A class is drawn by no sample with probability (1 - 1/classes)^samples < exp(-samples/classes).
    """
    if dataset.classes * exp(-dataset.samples / dataset.classes) < _NEVER:
        return dataset.classes
    return len(np.unique(_part(dataset, "train", dataset.samples).labels))


def gaussian(dataset: Gaussian, _shelf: Shelf) -> Content:
    """Independent standard normal inputs and uniform labels.

    With a rank below the dimension, column j repeats column j modulo the rank, so that the inputs
    span exactly `rank` dimensions in any precision.
    """
    d = dataset.dimension
    train = _part(dataset, "train", dataset.samples)
    test = _part(dataset, "test", -(-dataset.samples // 4))
    return Content(
        tensors=in_memory(train, test),
        class_names=tuple(str(number) for number in range(dataset.classes)),
        held_out=False,
        preprocessing="none",
        scaling=Scaling((), np.zeros(d), np.ones(d)),
    )


def _part(dataset: Gaussian, part: str, n: int) -> Part:
    draw = generator("gaussian", dataset.seed, part)
    rank = dataset.rank or dataset.dimension
    spanned = draw.standard_normal((n, rank), dtype=np.float32)
    inputs = spanned[:, np.arange(dataset.dimension) % rank]
    return Part(inputs, draw.integers(dataset.classes, size=n))


READERS: Final = {"gaussian": Reader(gaussian, About("made from a seed", "none needed"))}
