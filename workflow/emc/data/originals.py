"""Original files of published data sets: where they lie, whether they are whole and genuine."""

import gzip
import tarfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from emc.data.manifest import OriginalFile, original_file
from emc.errors import EmcError, FileError
from emc.store.atomic import write_bytes_atomically

_GZIP: Final = b"\x1f\x8b"

Download = Callable[[Path], str]
"""Fetches the originals into a folder; answers how that failed, "" where it did not."""


@dataclass(frozen=True, slots=True)
class Edition:
    """One form in which a data set is published.

    `files` are names with the md5 of their uncompressed content (None: any content), looked for
    in `folder` as they are or as .gz; `archive` is the .tar.gz that holds the folder.
    """

    folder: str
    files: dict[str, str | None]
    archive: str | None = None


@dataclass(slots=True)
class Originals:
    """The files of an edition that was found; reading one checks and records it."""

    edition: Edition
    paths: dict[str, Path]
    read_files: list[OriginalFile] = field(default_factory=list)

    def read(self, name: str) -> bytes:
        """The uncompressed content of a file.

        Raises:
            EmcError: it is damaged or not the original.
        """
        path = self.paths[name]
        content = file_content(path)
        found, wanted = original_file(name, content), self.edition.files[name]
        if wanted not in {None, found.md5}:
            raise EmcError(
                f"{path}: not the original file: its md5 is {found.md5}, the original's {wanted};"
                " remove it and fetch it again"
            )
        self.read_files.append(found)
        return content

    @property
    def files(self) -> tuple[OriginalFile, ...]:
        """What was read."""
        return tuple(self.read_files)


@dataclass(frozen=True, slots=True)
class Shelf:
    """Folders that may hold originals; what is downloaded or unpacked goes to the last one."""

    places: tuple[Path, ...]

    def find(self, name: str) -> Path:
        """A user's own file or folder: absolute, or relative to a place or the working folder.

        Raises:
            FileError: there is none.
        """
        if found := self.seek(name):
            return found
        raise FileError(f"{self._candidates(name)[0]}: no such file or folder")

    def seek(self, name: str) -> Path | None:
        """The same, or None."""
        return next((path for path in self._candidates(name) if path.exists()), None)

    def _candidates(self, name: str) -> list[Path]:
        wanted = Path(name).expanduser()
        return [*(place / wanted for place in self.places), wanted]

    def obtain(self, dataset: str, editions: Sequence[Edition], download: Download) -> Originals:
        """The first edition that is complete, downloaded if none is.

        Raises:
            FileError: no edition is complete; the message says what to put where.
            EmcError: an archive is damaged.
        """
        failure = ""
        found = self._complete(dataset, editions)
        if found is None:
            failure = download(self.places[-1])
            found = self._complete(dataset, editions)
        if found is None:
            raise FileError(self._advice(dataset, editions, failure))
        return found

    def _complete(self, dataset: str, editions: Sequence[Edition]) -> Originals | None:
        for edition in editions:
            paths = self._paths(dataset, edition)
            if len(paths) < len(edition.files) and self._unpack(edition):
                paths = self._paths(dataset, edition)
            if len(paths) == len(edition.files):
                return Originals(edition, paths)
        return None

    def _paths(self, dataset: str, edition: Edition) -> dict[str, Path]:
        found = {}
        for name in edition.files:
            for place in self.places:
                folders = (place / edition.folder, place / dataset)
                paths = [folder / (name + end) for folder in folders for end in ("", ".gz")]
                if present := [path for path in paths if path.is_file()]:
                    found[name] = present[0]
                    break
        return found

    def _unpack(self, edition: Edition) -> bool:
        """Unpack the edition's archive if there is one."""
        archives = [place / edition.archive for place in self.places if edition.archive]
        for archive in filter(Path.is_file, archives):
            try:
                with tarfile.open(archive) as tar:
                    self._extract(tar, edition)
            except (tarfile.TarError, KeyError, EOFError, zlib.error, OSError) as error:
                fault = f"{archive}: damaged archive ({error}); fetch it again"
                raise unreadable(fault, error) from None
            return True
        return False

    def _extract(self, tar: tarfile.TarFile, edition: Edition) -> None:
        """Only the files that are wanted, only where they belong."""
        for name in edition.files:
            member = tar.extractfile(f"{edition.folder}/{name}")
            if member is not None:
                write_bytes_atomically(self.places[-1] / edition.folder / name, member.read())

    def _advice(self, dataset: str, editions: Sequence[Edition], failure: str) -> str:
        place = self.places[0]
        ways = [f"{archive} in {place}" for e in editions if (archive := e.archive)]
        for edition in editions:
            missing = [n for n in edition.files if n not in self._paths(dataset, edition)]
            ways.append(f"{', '.join(missing)} (or .gz) in {place / edition.folder}")
        advice = f"{dataset}: original files are missing: put {'; or '.join(ways)}"
        return f"{advice}. {failure}" if failure else advice


def unreadable(fault: str, error: Exception) -> EmcError:
    """What to raise of an original: where the system could not read it, that can pass."""
    passing = isinstance(error, OSError) and error.errno is not None
    return FileError(fault) if passing else EmcError(fault)


def file_content(path: Path) -> bytes:
    """A file's content, uncompressed where it is compressed by gzip.

    Raises:
        EmcError: it is compressed and damaged.
        OSError: it cannot be read.
    """
    content = path.read_bytes()
    if not content.startswith(_GZIP):
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise EmcError(f"{path}: damaged gzip file ({error}); fetch it again") from None
