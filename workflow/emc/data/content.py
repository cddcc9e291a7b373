"""What a reader of originals hands over: tensors to be written, and what is known of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from emc.data.equality import EqualInputs
from emc.data.holdout import held_out
from emc.data.manifest import OriginalFile, OriginalTree
from emc.store.tensors import Spec

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True, slots=True)
class Scaling:
    """What is subtracted from each column and by what it is then divided, float64 [d]."""

    columns: tuple[str, ...]
    shift: np.ndarray
    scale: np.ndarray


@dataclass(frozen=True, slots=True)
class Part:
    """Samples in memory: inputs uint8 [n, C, H, W] or float32 [n, d], labels int64 [n]."""

    inputs: np.ndarray
    labels: np.ndarray

    def where(self, mask: np.ndarray) -> "Part":
        """The samples that a bool [n] marks."""
        return Part(self.inputs[mask], self.labels[mask])

    def split(self) -> "tuple[Part, Part]":
        """A training and a test part: a fifth of each class is held out."""
        test = held_out(self.labels)
        return self.where(~test), self.where(test)

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.labels)


@dataclass(frozen=True, slots=True)
class Tensors:
    """The tensors of a data set that is ready to be written, which may not fit into memory.

    `fill` writes those of `specs` into the arrays it is given, train_inputs, train_labels,
    test_inputs and test_labels, and answers which folders of images it has read.
    """

    specs: Mapping[str, Spec]
    fill: Callable[[Arrays], tuple[OriginalTree, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What was found in the originals of a data set.

    `held_out` says that the test part was taken from the training data here. Pixels (uint8) have
    no `scaling` yet: it is measured on what was written. `original_equal_inputs` is None where
    inputs are stored as they were. `notes` tell the user what was surprising and yet accepted.
    `test_counts` are the test samples of each class, where they are known before all is read.
    """

    tensors: Tensors
    class_names: tuple[str, ...]
    held_out: bool
    preprocessing: str
    files: tuple[OriginalFile, ...] = ()
    scaling: Scaling | None = None
    original_equal_inputs: EqualInputs | None = None
    notes: tuple[str, ...] = ()
    test_counts: tuple[int, ...] | None = None


def specs(shape: tuple[int, ...], dtype: str, train: int, test: int) -> dict[str, Spec]:
    """The tensors of a data set with inputs of `shape`."""
    return {
        "train_inputs": Spec(dtype, (train, *shape)),
        "train_labels": Spec("int64", (train,)),
        "test_inputs": Spec(dtype, (test, *shape)),
        "test_labels": Spec("int64", (test,)),
    }


def in_memory(train: Part, test: Part) -> Tensors:
    """Tensors of parts that are there already."""
    shape, dtype = train.inputs.shape[1:], train.inputs.dtype.name
    return Tensors(specs(shape, dtype, len(train), len(test)), partial(_copy, train, test))


def _copy(train: Part, test: Part, arrays: Arrays) -> tuple[OriginalTree, ...]:
    for name, part in {"train": train, "test": test}.items():
        arrays[f"{name}_inputs"][...] = part.inputs
        arrays[f"{name}_labels"][...] = part.labels
    return ()
