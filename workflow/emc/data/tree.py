"""Image folders, one folder a class, streamed into the tensor file whatever their size."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from emc.data.content import Arrays, Content, Tensors, specs
from emc.data.holdout import held_out_of_class
from emc.data.originals import Shelf, unreadable
from emc.errors import EmcError, FileError
from emc.study.sources import ImageFolder, ImageNet

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES: Final = frozenset(
    {".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
)
_BLOCK: Final = 256
"""Images decoded before they are written: what bounds the memory."""
_THREADS: Final = 8
"""Decoding leaves Python's lock free, so threads are enough."""


@dataclass(frozen=True, slots=True)
class Decoder:
    """Reads an image as uint8 [channels, size, size]: its centre square, scaled."""

    size: int
    channels: int

    def __call__(self, path: str) -> np.ndarray:
        """The pixels of an image file.

        Raises:
            EmcError: the file is no whole image of 8 bits a channel.
        """
        from PIL import Image

        mode, size = "RGB" if self.channels == 3 else "L", (self.size, self.size)
        try:
            with Image.open(path) as image:
                image.draft(mode, (2 * self.size, 2 * self.size))  # JPEG: decode no more than that
                _refuse_deep(image)
                square = image.crop(_centre(*image.size)).convert(mode)
                pixels = np.asarray(square.resize(size, Image.Resampling.BILINEAR))
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            complaint = f"{path}: no readable image ({error}); replace or remove it"
            raise unreadable(complaint, error) from None
        return pixels.reshape(*size, self.channels).transpose(2, 0, 1)

    @property
    def preprocessing(self) -> str:
        """What the decoder does, for the manifest."""
        import PIL

        kind = "colour" if self.channels == 3 else "grey"
        return (
            f"{kind}, centre square scaled to {self.size}x{self.size} (bilinear, Pillow"
            f" {PIL.__version__}), standardised by channel when read"
        )


@dataclass(frozen=True, slots=True)
class Tree:
    """Class folders below `root` and how many images each has."""

    root: Path
    classes: tuple[str, ...]
    counts: tuple[int, ...]

    def images(self, label: int) -> list[str]:
        """Paths of a class's images, sorted: no more than one class's are ever in memory.

        Raises:
            FileError: there are more or fewer of them than when the tree was opened.
        """
        folder = self.root / self.classes[label]
        images = sorted(_images(folder))
        if len(images) != self.counts[label]:
            raise FileError(f"{folder}: its images changed while they were read")
        return images


def imagenet(dataset: ImageNet, shelf: Shelf) -> Content:
    """ImageNet's `train` and `val` folders; all 1,000 classes or the first few."""
    root = shelf.find(dataset.folder)
    train = open_tree(root / "train", dataset.classes)
    test = open_tree(root / "val", None, train.classes)
    return _content(train, test, Decoder(dataset.size, 3))


def image_folder(dataset: ImageFolder, shelf: Shelf) -> Content:
    """A user's own tree of images."""
    train = open_tree(shelf.find(dataset.folder), dataset.classes)
    test = None
    if dataset.test_folder is not None:
        test = open_tree(shelf.find(dataset.test_folder), None, train.classes)
    return _content(train, test, Decoder(dataset.size, dataset.channels))


def open_tree(root: Path, count: int | None, classes: tuple[str, ...] | None = None) -> Tree:
    """The tree below `root`: its first `count` classes by name, or exactly these `classes`.

    Raises:
        EmcError: no folder, too few classes, a class without images, or images beside the
            class folders.
    """
    if not root.is_dir():
        raise EmcError(f"{root}: no such folder; it should hold one folder of images a class")
    entries = sorted(root.iterdir())
    if loose := [path for path in entries if path.suffix.lower() in SUFFIXES and path.is_file()]:
        raise EmcError(f"{loose[0]}: an image without a class: sort it into a class folder")
    present = tuple(path.name for path in entries if path.is_dir() and path.name[0] != ".")
    chosen = present[:count] if classes is None else classes
    if count is not None and len(chosen) < count:
        raise EmcError(f"{root}: {count} classes wanted, found {len(chosen)} folders")
    counts = tuple(sum(1 for _ in _images(root / name)) for name in chosen)
    for name, images in zip(chosen, counts, strict=True):
        if not images:
            known = ", ".join(sorted(SUFFIXES))
            raise EmcError(f"{root / name}: no images of this class (known endings: {known})")
    return Tree(root, chosen, counts)


def _images(folder: Path) -> Iterator[str]:
    """Paths of all images below a folder, in no order."""
    for parent, _, names in os.walk(folder):
        for name in names:
            if os.path.splitext(name)[1].lower() in SUFFIXES and name[0] != ".":
                yield os.path.join(parent, name)


def _content(train: Tree, test: Tree | None, decode: Decoder) -> Content:
    counts = enumerate(train.counts)
    held_out = np.concatenate([held_out_of_class(count, label) for label, count in counts])
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
) -> None:
    training = _Rows(arrays["train_inputs"], arrays["train_labels"])
    testing = _Rows(arrays["test_inputs"], arrays["test_labels"])
    with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as pool:
        position = 0
        for label, images in _decoded(pool, train, decode):
            held = held_out[position : position + len(images)]
            training.add(images[~held], label)
            testing.add(images[held], label)
            position += len(images)
        if test is not None:
            for label, images in _decoded(pool, test, decode):
                testing.add(images, label)


def _decoded(
    pool: ThreadPoolExecutor, tree: Tree, decode: Decoder
) -> Iterator[tuple[int, np.ndarray]]:
    """Labels with blocks of images, uint8 [k, channels, size, size], class after class."""
    for label in range(len(tree.classes)):
        paths = tree.images(label)
        for start in range(0, len(paths), _BLOCK):
            block = paths[start : start + _BLOCK]
            yield label, np.stack(list(pool.map(decode, block)))


def _centre(width: int, height: int) -> tuple[int, int, int, int]:
    """Left, upper, right and lower edge of the centre square."""
    side = min(width, height)
    left, upper = (width - side) // 2, (height - side) // 2
    return left, upper, left + side, upper + side


def _refuse_deep(image: "Image") -> None:
    """Pillow would clip deeper pixels to white."""
    if image.mode[0] in "IF":
        raise ValueError(f"its pixels have more than 8 bits (mode {image.mode})")
