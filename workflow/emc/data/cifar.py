"""CIFAR's two formats: pickled dictionaries, and binary records."""

import io
import pickle
from typing import Any, ClassVar, Final

import numpy as np

from emc.data.content import Part
from emc.errors import EmcError

_SHAPE: Final = (3, 32, 32)
_PIXELS: Final = 3 * 32 * 32


def read_records(content: bytes, name: str, label_bytes: int) -> Part:
    """Images of a binary file: each record is its labels, the last of them wanted, and pixels.

    Raises:
        EmcError: the file does not end with a whole record.
    """
    size = label_bytes + _PIXELS
    if not content or len(content) % size:
        raise EmcError(
            f"{name}: expected records of {size} bytes, found {len(content)} bytes in all"
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, size)
    labels = records[:, label_bytes - 1].astype(np.int64)
    return Part(records[:, label_bytes:].reshape(-1, *_SHAPE), labels)


def read_batch(content: bytes, name: str, label_key: bytes) -> Part:
    """Images of a pickled batch, read without running anything that it asks for.

    Raises:
        EmcError: the pickle asks for anything but uint8 arrays, or lacks images or labels.
    """
    try:
        batch = _BatchReader(io.BytesIO(content), encoding="bytes").load()
        images = batch[b"data"].array()
        labels = np.array([int(label) for label in batch[label_key]], dtype=np.int64)
        return Part(images.reshape(len(labels), *_SHAPE), labels)
    except Exception as error:  # a damaged pickle can raise anything
        reason = f"{type(error).__name__}: {error}"
        raise EmcError(
            f"{name}: expected a CIFAR batch of the python version, found {reason}"
        ) from None


class _Type:
    """Stands for a numpy dtype: remembers how it was made."""

    def __init__(self, *made_from: Any) -> None:
        self.made_from = made_from

    def __setstate__(self, state: Any) -> None:
        pass


class _Array:
    """Stands for a numpy array: remembers the state that its pickle holds."""

    state: tuple[Any, ...] = ()

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.state = state

    def array(self) -> np.ndarray:
        """The array, if it is of unsigned bytes in C order."""
        _version, shape, dtype, column_major, content = self.state
        if dtype.made_from[0] != b"u1" or column_major:
            raise pickle.UnpicklingError(f"array of type {dtype.made_from[0]!r}")
        return np.frombuffer(content, np.uint8).reshape(shape)


def _reconstruct(*_made_from: Any) -> _Array:
    return _Array()


class _BatchReader(pickle.Unpickler):
    """Knows only the three names that an array's pickle needs, and gives stand-ins for them."""

    allowed: ClassVar[dict[tuple[str, str], Any]] = {
        ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
        ("numpy", "ndarray"): _Array,
        ("numpy", "dtype"): _Type,
    }

    def find_class(self, module: str, name: str) -> Any:
        """A stand-in for the name, or an error: the pickle may ask for anything."""
        try:
            return self.allowed[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}") from None
