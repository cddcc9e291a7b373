"""Image folders, one folder per class, streamed into the tensor file whatever their size."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from emc.data.content import Arrays, Content, Tensors, specs
from emc.data.decoder import Decoder
from emc.data.folders import (
    Fingerprint,
    Tree,
    content_digest,
    open_tree,
    part_folders,
    read_image,
)
from emc.data.holdout import held_out_of_class
from emc.data.manifest import OriginalTree
from emc.data.originals import Shelf
from emc.data.reader import USER_DATA, About, Reader
from emc.errors import EmcError
from emc.study.datasets import ImageFolder, ImageNet

_BLOCK: Final = 256
"""Images decoded before they are written: what bounds the memory."""
_THREADS: Final = 8
"""Decoding leaves Python's lock free, so threads are enough."""


def imagenet(dataset: ImageNet, shelf: Shelf) -> Content:
    """ImageNet's `train` and `val` folders; all 1,000 classes or the first few."""
    return _content(*trees(dataset, shelf), decoder(dataset))


def image_folder(dataset: ImageFolder, shelf: Shelf) -> Content:
    """A user's own tree of images."""
    return _content(*trees(dataset, shelf), decoder(dataset))


def decoder(dataset: ImageNet | ImageFolder) -> Decoder:
    """What makes pixels of its images."""
    return Decoder(dataset.size, dataset.channels if isinstance(dataset, ImageFolder) else 3)


def trees(dataset: ImageNet | ImageFolder, shelf: Shelf) -> tuple[Tree, Tree | None]:
    """The trees of training and, if it has one, of test images.

    Raises:
        EmcError: one is not there, or no tree of images.
    """
    folder = shelf.find(dataset.folder)
    if isinstance(dataset, ImageNet):
        train = open_tree(folder / "train", dataset.classes)
        return train, _apart(train, open_tree(folder / "val", None, train.classes))
    training, test = part_folders(folder)
    if dataset.test_folder:
        if training != folder:
            raise EmcError(
                f"{folder}: its training images lie in {training}: give `folder: {training}`, or"
                " leave out `test_folder`"
            )
        test = shelf.find(dataset.test_folder)
    train = open_tree(training, dataset.classes)
    return train, None if test is None else _apart(train, open_tree(test, None, train.classes))


def _apart(train: Tree, test: Tree) -> Tree:
    """The test tree, if it does not hold training images.

    Raises:
        EmcError: one folder is the other, or lies within it.
    """
    one, other = train.root.resolve(), test.root.resolve()
    if one.is_relative_to(other) or other.is_relative_to(one):
        raise EmcError(
            f"{test.root}: expected test images apart from the training images in {train.root},"
            " found them in one folder: give another `test_folder`, or leave it out: a fifth of"
            " each class is then held out"
        )
    return test


def _content(train: Tree, test: Tree | None, decode: Decoder) -> Content:
    masks = [held_out_of_class(count, label) for label, count in enumerate(train.counts)]
    held_out = np.concatenate(masks)
    if test is not None:
        held_out[:] = False
    n_test = int(held_out.sum()) if test is None else sum(test.counts)
    n_train = int((~held_out).sum())
    shape = (decode.channels, decode.size, decode.size)
    return Content(
        tensors=Tensors(
            specs(shape, "uint8", n_train, n_test), partial(_fill, train, test, held_out, decode)
        ),
        class_names=train.classes,
        held_out=test is None,
        preprocessing=decode.preprocessing,
        notes=tuple(note for tree in (train, test) if tree for note in tree.notes()),
        test_counts=tuple(int(mask.sum()) for mask in masks) if test is None else test.counts,
    )


@dataclass(slots=True)
class _Rows:
    """A part of the tensor file that is filled from its beginning."""

    inputs: np.ndarray
    labels: np.ndarray
    filled: int = 0

    def add(self, images: np.ndarray, label: int) -> None:
        end = self.filled + len(images)
        self.inputs[self.filled : end] = images
        self.labels[self.filled : end] = label
        self.filled = end


def _fill(
    train: Tree, test: Tree | None, held_out: np.ndarray, decode: Decoder, arrays: Arrays
) -> tuple[OriginalTree, ...]:
    training = _Rows(arrays["train_inputs"], arrays["train_labels"])
    testing = _Rows(arrays["test_inputs"], arrays["test_labels"])
    trees = [_Reading(tree, decode) for tree in (train, test) if tree is not None]
    with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as pool:
        position = 0
        for label, images in trees[0].blocks(pool):
            held = held_out[position : position + len(images)]
            training.add(images[~held], label)
            testing.add(images[held], label)
            position += len(images)
        for tree in trees[1:]:
            for label, images in tree.blocks(pool):
                testing.add(images, label)
    return tuple(tree.original for tree in trees)


class _Reading:
    """A tree whose images are read once."""

    def __init__(self, tree: Tree, decode: Decoder) -> None:
        self._tree = tree
        self._decode = decode
        self._read = Fingerprint(tree.root)

    @property
    def original(self) -> OriginalTree:
        """What was read."""
        return self._tree.read_as(self._read)

    def blocks(self, pool: ThreadPoolExecutor) -> Iterator[tuple[int, np.ndarray]]:
        """Labels with blocks of images, uint8 [k, channels, size, size], class after class."""
        for label in range(len(self._tree.classes)):
            paths = self._tree.images(label)
            for start in range(0, len(paths), _BLOCK):
                block = paths[start : start + _BLOCK]
                pixels, digests = zip(*pool.map(self._decoded, block), strict=True)
                for path, digest in zip(block, digests, strict=True):
                    self._read.add(path, digest)
                yield label, np.stack(pixels)

    def _decoded(self, path: str) -> tuple[np.ndarray, bytes]:
        content = read_image(path)
        return self._decode(path, content), content_digest(content)


READERS: Final = {
    "imagenet": Reader(
        imagenet,
        About(
            "Russakovsky et al. 2015, https://www.image-net.org",
            "ImageNet's terms of access: research and education, not commercial",
        ),
    ),
    "image-folder": Reader(image_folder, About("a local folder of images", USER_DATA)),
}
