"""Folders of images, one folder per class: which images they hold, and whether these changed."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b, sha256
from pathlib import Path
from stat import S_ISREG
from typing import Final, NamedTuple

from emc.data.class_names import likeness_notes
from emc.data.manifest import OriginalTree
from emc.errors import EmcError, FileError

SUFFIXES: Final = frozenset(
    {".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
)
_SYSTEM: Final = frozenset(
    {
        *("__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir", "#recycle", "@recycle"),
        *("$recycle.bin", "system volume information", "lost+found", "__pycache__"),
    }
)
"""Lower-case names of what systems and their servers leave in folders, beside hidden files."""

_SHOWN: Final = 5
"""Classes that a note names at most."""

_TRAINING: Final = frozenset({"train", "training"})
_PARTS: Final = _TRAINING | {"test", "testing", "val", "valid", "validation"}


@dataclass(frozen=True, slots=True)
class Tree:
    """Class folders below `root`: how many images each has, and what is known of all of them.

    `bytes` is the size of all images, `listing` as in `OriginalTree`; `skipped` counts other files
    by the ending of their names; `others` are folders that are no class. `nested` trees have no
    image in a class folder itself, only in folders within it.
    """

    root: Path
    classes: tuple[str, ...]
    counts: tuple[int, ...]
    bytes: int
    listing: str
    skipped: dict[str, int]
    others: tuple[str, ...]
    nested: bool

    def images(self, label: int) -> list[str]:
        """Paths of a class's images, sorted: no more than one class's are ever in memory.

        Raises:
            FileError: there are more or fewer of them than when the tree was opened.
        """
        folder = self.root / self.classes[label]
        images = sorted(path for path in _files(folder) if _is_image(path))
        if len(images) != self.counts[label]:
            raise FileError(f"{folder}: its images changed while they were read")
        return images

    def read_as(self, fingerprint: "Fingerprint") -> OriginalTree:
        """What the manifest says of it, once its images were read."""
        return OriginalTree(
            folder=str(self.root),
            images=sum(self.counts),
            bytes=self.bytes,
            listing=self.listing,
            content=fingerprint.hexdigest(),
            skipped=self.skipped,
        )

    def notes(self) -> list[str]:
        """What the user is told."""
        found = ", ".join(f"{count} {ending}" for ending, count in self.skipped.items())
        told = [f"{self.root}: files skipped that are no images by their endings: {found}"]
        left = [f"{self.root}: folders left out, which are no class: {', '.join(self.others)}"]
        alike = likeness_notes(str(self.root), self.classes)
        deep = [
            f"{self.root}: all images lie in folders within those of the classes"
            f" {', '.join(self.classes[:_SHOWN])}: if those are the classes, give `folder:` one"
            " level further down"
        ]
        return [
            *(told if self.skipped else []),
            *(left if self.others else []),
            *(deep if self.nested else []),
            *alike,
        ]


class Fingerprint:
    """The sha256 of the paths and contents of a tree's images, added in their order."""

    def __init__(self, root: Path) -> None:
        """Begin with no image; paths count relative to `root`."""
        self._root = root
        self._digest = sha256()

    def add(self, path: str, content: bytes) -> None:
        """Add the image at a path; `content` is its `content_digest`."""
        self._digest.update(_relative(path, self._root) + b"\0" + content + b"\n")

    def hexdigest(self) -> str:
        """The sha256 of what was added."""
        return self._digest.hexdigest()


def content_digest(content: bytes) -> bytes:
    """A 128-bit digest of an image file."""
    return blake2b(content, digest_size=16).digest()


def fingerprint(tree: Tree) -> Fingerprint:
    """Read all images of a tree."""
    found = Fingerprint(tree.root)
    for label in range(len(tree.classes)):
        for path in tree.images(label):
            found.add(path, content_digest(read_image(path)))
    return found


def read_image(path: str) -> bytes:
    """The content of an image file.

    Raises:
        FileError: it cannot be read.
    """
    return _read(path, -1)


def read_beginning(path: str) -> bytes:
    """The first bytes of an image file, which tell its kind.

    Raises:
        FileError: it cannot be read.
    """
    return _read(path, 64)


def _read(path: str, count: int) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(count)
    except OSError as error:
        raise _unreadable(path, error) from None


def open_tree(root: Path, count: int | None, classes: tuple[str, ...] | None = None) -> Tree:
    """The tree below `root`: its first `count` classes by name, or exactly these `classes`.

    Hidden files and folders, and those of systems, are left out wherever they are.

    Raises:
        EmcError: no folder, too few classes, a class without images, images beside the class
            folders, or parts of a data set in place of classes.
        FileError: a folder or file cannot be read.
    """
    present = _class_folders(root)
    chosen = present[:count] if classes is None else classes
    if count is not None and len(chosen) < count:
        raise EmcError(f"{root}: expected {count} classes, found {len(chosen)} folders")
    if not chosen:
        raise EmcError(f"{root}: expected one folder of images per class, found no folder in it")
    others = () if count is not None else tuple(sorted(set(present) - set(chosen)))
    listing = _Listing(root)
    for name in chosen:
        listing.add(name)
    if len(chosen) == 1 and listing.nested:
        raise EmcError(
            f"{root}: expected two class folders or more, found {chosen[0]!r} alone, and its images"
            f" in folders within it: give `folder: {root / chosen[0]}`"
        )
    return Tree(
        root=root,
        classes=chosen,
        counts=tuple(listing.counts),
        bytes=listing.bytes,
        listing=listing.hexdigest(),
        skipped=dict(sorted(listing.skipped.items())),
        others=others,
        nested=listing.nested,
    )


class _Listing:
    """What the class folders of a tree hold, added one after the other.

    `nested` says that no image lies in a class folder itself, but in folders within it.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._digest = sha256()
        self.counts: list[int] = []
        self.bytes = 0
        self.skipped: Counter[str] = Counter()
        self.nested = True

    def add(self, name: str) -> None:
        """Look at the class of this name.

        Raises:
            EmcError: it has no image, or one that is no file or is empty.
            FileError: a folder or file cannot be read.
        """
        folder = self._root / name
        files = list(_files(folder))
        images = sorted(path for path in files if _is_image(path))
        unknown = Counter(_ending(path) for path in files if not _is_image(path))
        if not images:
            raise EmcError(_without_images(folder, unknown))
        for path in images:
            status = _status(path)
            self.bytes += status.st_size
            line = f"\0{status.st_size}\0{status.st_mtime_ns}\n"
            self._digest.update(_relative(path, self._root) + line.encode())
        self.counts.append(len(images))
        self.skipped += unknown
        self.nested = self.nested and all(Path(path).parent != folder for path in images)

    def hexdigest(self) -> str:
        """The sha256 of paths, sizes and dates of all images."""
        return self._digest.hexdigest()


def _class_folders(root: Path) -> tuple[str, ...]:
    if not root.is_dir():
        found = "a file" if root.is_file() else "no such folder"
        raise EmcError(f"{root}: expected a folder with one folder of images per class: {found}")
    try:
        entries = sorted(path for path in root.iterdir() if not _is_systems(path.name))
    except OSError as error:
        raise _unreadable(str(root), error) from None
    if loose := [path for path in entries if _is_image(path.name) and path.is_file()]:
        raise EmcError(f"{loose[0]}: an image without a class: sort it into a class folder")
    return tuple(path.name for path in entries if path.is_dir())


class PartFolders(NamedTuple):
    """Where the training images lie, and those for testing where there are any of their own."""

    training: Path
    test: Path | None


def part_folders(root: Path) -> PartFolders:
    """The folders `train` and `test` of the usual layout, or `root` alone where it has classes.

    Raises:
        EmcError: there are folders of parts, and which of them are meant is not clear.
        FileError: `root` cannot be read.
    """
    names = _class_folders(root)
    training = [name for name in names if name.lower() in _TRAINING]
    tests = [name for name in names if name.lower() in _PARTS - _TRAINING]
    others = [name for name in names if name not in {*training, *tests}]
    if not training or (others and not tests):
        return PartFolders(root, None)
    if len(training) > 1 or len(tests) > 1 or others:
        advice = f" and `test_folder: {root / tests[0]}`" if tests else ""
        raise EmcError(
            f"{root}: expected one folder per class, or one for training and one for testing, found"
            f" {', '.join(names)}: give `folder: {root / training[0]}`{advice}"
        )
    return PartFolders(root / training[0], root / tests[0] if tests else None)


def _without_images(folder: Path, unknown: Counter[str]) -> str:
    if not folder.is_dir():
        return (
            f"{folder}: no such folder: expected test images of each class that the training images"
            " have"
        )
    found = ", ".join(f"{count} {ending}" for ending, count in sorted(unknown.items()))
    return (
        f"{folder}: no images of this class{f', found {found}' if found else ''} (known endings:"
        f" {', '.join(sorted(SUFFIXES))}): convert its files, or remove the folder"
    )


def _files(folder: Path) -> Iterator[str]:
    """Paths of all files below a folder, in no order; those of linked folders end in a slash."""

    def fail(error: OSError) -> None:
        if error.filename != str(folder) or folder.exists():
            raise _unreadable(str(error.filename), error)

    for parent, folders, names in os.walk(folder, onerror=fail):
        folders[:] = [name for name in folders if not _is_systems(name)]
        for name in names:
            if not _is_systems(name):
                yield os.path.join(parent, name)
        for name in folders:
            if os.path.islink(os.path.join(parent, name)):
                yield os.path.join(parent, name, "")


def _is_systems(name: str) -> bool:
    return name.startswith(".") or name.lower() in _SYSTEM


def _is_image(path: str) -> bool:
    return os.path.splitext(path)[1].lower() in SUFFIXES


def _ending(path: str) -> str:
    if path.endswith(os.sep):
        return "linked folder"
    return os.path.splitext(path)[1].lower() or "without ending"


def _relative(path: str, root: Path) -> bytes:
    return os.fsencode(os.path.relpath(path, root))


def _status(path: str) -> os.stat_result:
    try:
        status = os.stat(path)
    except OSError as error:
        raise _unreadable(path, error) from None
    if not S_ISREG(status.st_mode):  # to read a pipe would wait for ever
        raise EmcError(f"{path}: expected an image file, found a pipe or device; remove it")
    if not status.st_size:
        raise EmcError(f"{path}: expected an image, found an empty file: replace or remove it")
    return status


def _unreadable(path: str, error: OSError) -> FileError:
    link = " (a link to nothing)" if os.path.islink(path) and not os.path.exists(path) else ""
    return FileError(f"{path}: cannot be read: {error.strerror}{link}; replace or remove it")
