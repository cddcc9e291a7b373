"""A prepared data set, opened."""

from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import file_digest
from pathlib import Path
from typing import Final

import numpy as np

from emc.data.manifest import TENSORS, Manifest, read_manifest
from emc.errors import FileError
from emc.store.layout import REMADE_BY
from emc.store.rebuilt import unusable
from emc.store.tensors import open_tensors

SHARED_BYTES: Final = 1 << 30
"""Up to this size a data set is converted to float32 once."""


@dataclass(frozen=True)
class Samples:
    """One part of a prepared data set, its training part unless `test()` made it.

    `stored` are the inputs as they lie in the file, uint8 [n, C, H, W] or float32 [n, d], and
    `labels` int64 [n], 0 to classes - 1; `held_out` are those of the test part. All of them are
    read-only maps of the file.
    """

    manifest: Manifest
    stored: np.ndarray
    labels: np.ndarray
    held_out: tuple[np.ndarray, np.ndarray]

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.manifest.name

    @property
    def n(self) -> int:
        """Number of samples."""
        return len(self.labels)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one input."""
        return self.manifest.shape

    @property
    def classes(self) -> int:
        """Number of classes."""
        return self.manifest.classes

    def inputs(self, rows: np.ndarray | slice) -> np.ndarray:
        """Standardised inputs of some rows, float32 [k, *shape], C-contiguous and a copy."""
        taken = self.stored[rows].astype(np.float32, order="C")
        if self.stored.dtype == np.uint8:
            taken -= self._by_channel(self.manifest.shift)
            taken /= self._by_channel(self.manifest.scale)
        return taken

    def shared_inputs(self) -> np.ndarray | None:
        """Inputs of all rows, made once and not to be written to; None above a gigabyte."""
        return self._shared if self.stored.size * 4 <= SHARED_BYTES else None

    def test(self) -> "Samples":
        """The test part, standardised like the training part."""
        inputs, labels = self.held_out
        return replace(self, stored=inputs, labels=labels)

    @cached_property
    def _shared(self) -> np.ndarray:
        return self.inputs(slice(None))

    def _by_channel(self, values: tuple[float, ...]) -> np.ndarray:
        return np.array(values, dtype=np.float32).reshape(-1, 1, 1)


def open_samples(folder: Path) -> Samples:
    """Open the data set prepared in `folder`; shapes and size are compared with the manifest.

    Raises:
        FileError: its tensor file or manifest is missing or damaged, or they don't belong together.
    """
    manifest = read_manifest(folder)
    path = folder / TENSORS
    tensors, _ = open_tensors(path, REMADE_BY)
    found = {name: (array.dtype.name, array.shape) for name, array in tensors.items()}
    wanted = {
        "train_inputs": (manifest.dtype, (manifest.samples, *manifest.shape)),
        "train_labels": ("int64", (manifest.samples,)),
        "test_inputs": (manifest.dtype, (manifest.test_samples, *manifest.shape)),
        "test_labels": ("int64", (manifest.test_samples,)),
    }
    if found != wanted or path.stat().st_size != manifest.tensor_bytes:
        raise FileError(
            f"{path}: does not belong to its manifest: found {found}, expected {wanted};"
            f" remove both: {REMADE_BY} remakes them"
        )
    held_out = (tensors["test_inputs"], tensors["test_labels"])
    return Samples(manifest, tensors["train_inputs"], tensors["train_labels"], held_out)


def verify(folder: Path) -> None:
    """Read the whole tensor file and compare its checksum with the manifest.

    Raises:
        FileError: they differ.
    """
    path = folder / TENSORS
    found, wanted = checksum(path), read_manifest(folder).sha256
    if found != wanted:
        fault = f"altered: its sha256 is {found}, its manifest says {wanted}"
        raise unusable(path, fault, REMADE_BY)


def checksum(path: Path) -> str:
    """The sha256 of a file's content."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
