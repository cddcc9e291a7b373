"""Images of a user's folder opened before anything is computed, so that broken ones are found."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil
from typing import Final

from emc.data.decoder import Decoder
from emc.data.folders import Tree, read_image
from emc.errors import EmcError

_OPENED: Final = 20_000
"""Images of a tree that are opened at most."""

_DECODED: Final = 100 * 2**20
"""Bytes of a tree's image files that are decoded, about: seconds of work."""

_NAMED: Final = 5
"""Broken images that are named at most."""

_THREADS: Final = 8
"""Decoding leaves Python's lock free, so threads are enough."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What was looked at of a tree's images, and which of them cannot be decoded."""

    tree: Tree
    opened: int
    decoded: int
    broken: tuple[str, ...]

    @property
    def told(self) -> str:
        """What was looked at, in one line."""
        images = sum(self.tree.counts)
        if self.decoded == images:
            return f"{self.tree.root}: all {images:,} images were decoded"
        opened = "all" if self.opened == images else f"{self.opened:,}"
        return (
            f"{self.tree.root}: of {images:,} images the headers of {opened} were read, and"
            f" {self.decoded:,} were decoded: a damaged one among the others is found when the"
            " data set is prepared"
        )

    @property
    def faults(self) -> list[str]:
        """The first broken images with what is wrong, and how many there are beside them."""
        more = len(self.broken) - _NAMED
        told = [f"{self.tree.root}: {more:,} more images cannot be read"] if more > 0 else []
        return [*self.broken[:_NAMED], *told]


def survey(tree: Tree, decode: Decoder) -> Survey:
    """Decode the images of a small tree; of a large one, read headers and decode evenly some.

    Raises:
        FileError: images came or went while they were read.
    """
    images = sum(tree.counts)
    opened = ceil(images / _OPENED)
    decoded = opened * ceil(tree.bytes / opened / _DECODED)

    def fault(place: int, path: str) -> str:
        return _fault(path, decode, whole=place % decoded == 0)

    with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as pool:
        found = tuple(filter(None, pool.map(fault, *zip(*_every(tree, opened), strict=True))))
    return Survey(tree, ceil(images / opened), ceil(images / decoded), found)


def _every(tree: Tree, stride: int) -> Iterator[tuple[int, str]]:
    """Every `stride`-th image with its place among all, class after class."""
    place = 0
    for label in range(len(tree.classes)):
        for path in tree.images(label):
            if place % stride == 0:
                yield place, path
            place += 1


def _fault(path: str, decode: Decoder, *, whole: bool) -> str:
    """Why an image cannot be decoded, as its pixels or its header tell; "" where it can."""
    try:
        if whole:
            decode(path, read_image(path))
        else:
            decode.examine_header(path)
    except EmcError as error:
        return str(error)
    return ""
