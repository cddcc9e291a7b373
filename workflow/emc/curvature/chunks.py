"""How much torch differentiates at once, so that it fits into memory.

On a card a call takes as long for many samples as for few, most of it for launches: chunks there
are as large as its memory lets expect, and smaller where that ends.
"""

import logging
from collections.abc import Callable
from typing import Final, TypeVar

import torch

from emc.error_texts import says_no_memory

Made = TypeVar("Made")

CHUNK: Final = 512
"""Samples times vectors that are treated together on the processor, and on a card at least."""
BYTES_OF_EACH: Final = 4 << 20
"""Of a card's memory, for each of them: a small net takes far less, and a large one halves."""

log = logging.getLogger(__name__)


def chunk_on(device: str) -> int:
    """Samples times vectors that a device treats together.

    On a card a power of two that follows from all of its memory, whoever uses that: sums are cut
    into the same chunks in every run.
    """
    if device == "cpu":
        return CHUNK
    _, memory = torch.cuda.mem_get_info(device)
    return max(CHUNK, 1 << (memory // BYTES_OF_EACH).bit_length() - 1)


class ChunkSize:
    """How large chunks of an objective are: `size` samples times vectors."""

    def __init__(self, device: str) -> None:
        """Begin with that of the device."""
        self.size = chunk_on(device)

    def fitted(self, make: Callable[[], Made]) -> Made:
        """What `make` gives in chunks of this size, which halves while memory ends.

        Raises:
            RuntimeError: memory ends with chunks of `CHUNK` too.
        """
        while True:
            try:
                return make()
            except RuntimeError as error:
                if self.size <= CHUNK or not says_no_memory(error):
                    raise
            self.size //= 2
            log.warning("out of memory: derivatives are made in chunks of %d samples", self.size)
            torch.cuda.empty_cache()
