"""IDX files, the format of MNIST: big-endian header, then unsigned bytes."""

from math import prod
from typing import Final

import numpy as np

from emc.errors import EmcError

_UNSIGNED_BYTES: Final = 8


def read_idx(content: bytes, name: str) -> np.ndarray:
    """The array of an IDX file of unsigned bytes; `name` is for messages.

    Raises:
        EmcError: the content is of another type or cut short.
    """
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] != _UNSIGNED_BYTES:
        raise EmcError(
            f"{name}: expected an IDX file of unsigned bytes, found"
            f" {content[:4]!r} at its beginning"
        )
    start = 4 + 4 * content[3]
    if len(content) < start:
        raise EmcError(
            f"{name}: expected a header of {start} bytes, found {len(content)}: cut short?"
        )
    shape = tuple(int(size) for size in np.frombuffer(content[4:start], ">u4"))
    if len(content) - start != prod(shape):
        sizes = "x".join(str(size) for size in shape)
        raise EmcError(f"{name}: expected {sizes} values, found {len(content) - start}: cut short?")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
