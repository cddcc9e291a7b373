"""Finding, checking and fetching original files."""

import errno
import gzip
import io
import re
import sys
import tarfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.unit.data.formats import edition_of, place

from emc.data.downloads import by_address, by_hand, by_torchvision
from emc.data.originals import Edition, Shelf, unreadable
from emc.errors import EmcError, FileError

FILES = {"a.bin": b"alpha", "b.bin": b"beta"}
PLAIN = edition_of(Edition("Set/raw", {}), FILES)
PACKED = edition_of(Edition("set-bin", {}, "set.tar.gz"), FILES)
NOTHING = by_hand("")


def refuse(_folder: Path) -> str:
    raise AssertionError("nothing needs to be fetched")


@pytest.mark.parametrize("folder", ["Set/raw", "set"])
@pytest.mark.parametrize("compressed", [False, True])
def test_found_in_any_place(tmp_path: Path, folder: str, compressed: bool) -> None:
    place(tmp_path / "two" / folder, FILES, compressed=compressed)
    shelf = Shelf((tmp_path / "one", tmp_path / "two"))
    found = shelf.obtain("set", [PLAIN], refuse)
    assert found.read("b.bin") == b"beta"
    assert [(file.name, file.bytes, file.md5) for file in found.files] == [
        ("b.bin", 4, PLAIN.files["b.bin"])
    ]


def test_the_complete_edition_is_taken(tmp_path: Path) -> None:
    place(tmp_path / "Set/raw", {"a.bin": b"alpha"})
    place(tmp_path / "set-bin", FILES)
    assert Shelf((tmp_path,)).obtain("set", [PLAIN, PACKED], refuse).edition == PACKED


def test_archive_is_unpacked_beside_the_downloads(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with tarfile.open(tmp_path / "mine" / "set.tar.gz", "w:gz") as tar:
        for name, content in FILES.items():
            info = tarfile.TarInfo(f"set-bin/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    shelf = Shelf((tmp_path / "mine", tmp_path / "original"))
    assert shelf.obtain("set", [PACKED], refuse).read("a.bin") == b"alpha"
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["set.tar.gz"]


def test_damaged_archive(tmp_path: Path) -> None:
    place(tmp_path, {"set.tar.gz": b"\x1f\x8b\x08\0" + bytes(50)})
    with pytest.raises(EmcError, match=r"set\.tar\.gz: damaged archive"):
        Shelf((tmp_path,)).obtain("set", [PACKED], refuse)


def test_archive_without_the_files(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "set.tar.gz", "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("../set-bin/a.bin"))
    with pytest.raises(EmcError, match=r"set\.tar\.gz: damaged archive .*set-bin/a\.bin"):
        Shelf((tmp_path,)).obtain("set", [PACKED], refuse)


def test_wrong_checksum_says_what_to_do(tmp_path: Path) -> None:
    place(tmp_path / "Set/raw", {**FILES, "a.bin": b"altered"})
    found = Shelf((tmp_path,)).obtain("set", [PLAIN], refuse)
    with pytest.raises(EmcError, match=r"a\.bin: not the original file: its md5 is \w+, .*remove"):
        found.read("a.bin")


def test_cut_gzip(tmp_path: Path) -> None:
    folder = place(tmp_path / "Set/raw", FILES, compressed=True)
    whole = (folder / "a.bin.gz").read_bytes()
    (folder / "a.bin.gz").write_bytes(whole[:-9])
    found = Shelf((tmp_path,)).obtain("set", [PLAIN], refuse)
    with pytest.raises(EmcError, match=r"a\.bin\.gz: damaged gzip file .* fetch it again"):
        found.read("a.bin")


def test_missing_files_are_named_with_their_place(tmp_path: Path) -> None:
    place(tmp_path / "Set/raw", {"a.bin": b"alpha"})
    shelf = Shelf((tmp_path, tmp_path / "original"))
    wanted = (
        f"set: original files are missing: put set.tar.gz in {tmp_path};"
        f" or b.bin (or .gz) in {tmp_path}/Set/raw;"
        f" or a.bin, b.bin (or .gz) in {tmp_path}/set-bin. No network."
    )
    with pytest.raises(FileError, match=re.escape(wanted)):
        shelf.obtain("set", [PLAIN, PACKED], by_hand("No network."))


def torchvision(monkeypatch: pytest.MonkeyPatch, **datasets: Any) -> None:
    module = SimpleNamespace(datasets=SimpleNamespace(**datasets))
    monkeypatch.setitem(sys.modules, "torchvision", module)


def test_torchvision_downloads_to_the_last_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(root: Path, *, download: bool) -> None:
        assert download
        place(root / "Set/raw", FILES)

    torchvision(monkeypatch, SET=fetch)
    shelf = Shelf((tmp_path / "mine", tmp_path / "original"))
    found = shelf.obtain("set", [PLAIN], by_torchvision("SET"))
    assert found.paths["a.bin"] == tmp_path / "original/Set/raw/a.bin"


def test_failed_download_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(root: Path, *, download: bool) -> None:
        raise RuntimeError("Error downloading a.bin")

    torchvision(monkeypatch, SET=fetch)
    with pytest.raises(FileError, match=r"Torchvision's download failed: Error downloading a\.bin"):
        Shelf((tmp_path,)).obtain("set", [PLAIN], by_torchvision("SET"))


def test_torchvision_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(EmcError, match="Torchvision's download failed: import of torchvision"):
        Shelf((tmp_path,)).obtain("set", [PLAIN], by_torchvision("SET"))


def test_addresses_are_fetched_and_checked(tmp_path: Path) -> None:
    server = place(tmp_path / "server", FILES, compressed=True)
    addresses = [(server / f"{name}.gz").as_uri() for name in FILES]
    shelf = Shelf((tmp_path / "mine", tmp_path / "original"))
    found = shelf.obtain("set", [PLAIN], by_address("Set/raw", *addresses))
    assert found.read("a.bin") == b"alpha"
    assert found.paths["a.bin"] == tmp_path / "original/Set/raw/a.bin.gz"


def test_unreachable_address(tmp_path: Path) -> None:
    address = (tmp_path / "nowhere").as_uri()
    with pytest.raises(FileError, match=r"The download of file:.*nowhere failed"):
        Shelf((tmp_path,)).obtain("set", [PLAIN], by_address("Set/raw", address))


def test_own_files_lie_in_a_place_or_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(tmp_path / "mine", {"t.csv": b""})
    place(tmp_path / "here", {"u.csv": b""})
    monkeypatch.chdir(tmp_path / "here")
    shelf = Shelf((tmp_path / "mine",))
    assert shelf.find("t.csv") == tmp_path / "mine/t.csv"
    assert shelf.find(str(tmp_path / "mine/t.csv")) == tmp_path / "mine/t.csv"
    assert shelf.find("u.csv") == Path("u.csv")
    with pytest.raises(FileError, match=r"mine/v\.csv: no such file or folder"):
        shelf.find("v.csv")


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (OSError(errno.EIO, "Input/output error"), True),
        (OSError("image file is truncated"), False),
        (gzip.BadGzipFile("Not a gzipped file"), False),
        (ValueError("odd"), False),
    ],
)
def test_what_the_system_could_not_read_can_pass(error: Exception, passes: bool) -> None:
    found = unreadable("a.png: no readable image", error)
    assert isinstance(found, FileError) == passes
    assert str(found) == "a.png: no readable image"
