"""A file is there whole or not at all."""

import errno
import fcntl
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emc.errors import EmcError
from emc.store.atomic import (
    clear_leftovers,
    write_atomically,
    write_bytes_atomically,
    write_text_atomically,
)


class Interruption(Exception):
    """Something that comes up while a file is written."""


def write_half(path: Path, interruption: Exception) -> None:
    with write_atomically(path) as partial:
        partial.write_bytes(b"ne")
        raise interruption


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_takes_its_place_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "down" / "file"
    with write_atomically(path) as partial:
        partial.write_bytes(b"new")
        assert partial.parent == path.parent
        assert not path.exists()
    assert path.read_bytes() == b"new"
    assert names(path.parent) == ["file"]


@given(content=st.binary(max_size=100))
def test_bytes_round_trip(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "bytes"
    write_bytes_atomically(path, content)
    assert path.read_bytes() == content


def test_text_is_utf8_as_it_is(tmp_path: Path) -> None:
    write_text_atomically(tmp_path / "text", "µ\r\n✓")
    assert (tmp_path / "text").read_bytes() == "µ\r\n✓".encode()


def test_a_folder_in_its_place_is_told_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.mkdir()
    message = f"{path}: cannot be written: a folder is in its place; remove it"
    with pytest.raises(EmcError, match=f"^{re.escape(message)}$"):
        write_bytes_atomically(path, b"new")
    assert names(tmp_path) == ["file"]


def test_an_error_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(Interruption, match="half way"):
        write_half(path, Interruption("half way"))
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


def test_a_writer_may_make_the_file_itself(tmp_path: Path) -> None:
    with write_atomically(tmp_path / "file") as partial:
        partial.unlink()
        partial.write_bytes(b"own")
    assert (tmp_path / "file").read_bytes() == b"own"


def test_who_reads_the_old_file_reads_it_to_the_end(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with path.open("rb") as reader:
        write_bytes_atomically(path, b"new and longer")
        assert reader.read() == b"old"


def test_two_writers_do_not_meet(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with write_atomically(path) as one, write_atomically(path) as other:
        one.write_bytes(b"one")
        other.write_bytes(b"other")
    assert path.read_bytes() == b"one"
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_permissions_follow_the_umask(mask: int, mode: int, tmp_path: Path) -> None:
    before = os.umask(mask)
    try:
        write_text_atomically(tmp_path / "file", "")
        assert os.umask(mask) == mask
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == mode


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_told_with_the_file(number: int, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    message = f"{path}: cannot be written: {os.strerror(number)}"
    with pytest.raises(EmcError, match=f"^{re.escape(message)}$"):
        write_half(path, OSError(number, os.strerror(number)))
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


def test_other_faults_of_the_writer_pass(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="another file"):
        write_half(tmp_path / "file", FileNotFoundError(errno.ENOENT, "another file is missing"))


@pytest.mark.parametrize(
    ("name", "reason"), [("file/below", "(Not a directory|File exists)"), ("x" * 300, "too long")]
)
def test_a_place_where_nothing_can_be(name: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(EmcError, match=f"{name}: cannot be written: .*{reason}"):
        write_text_atomically(tmp_path / name, "")


KILLED = """
    import os, signal, sys
    from pathlib import Path
    from emc.store.atomic import write_atomically
    with write_atomically(Path(sys.argv[1])) as partial:
        partial.write_bytes(b"new")
        os.kill(os.getpid(), signal.SIGKILL)
"""


def leftover(path: Path) -> Path:
    """What a killed writer of the file left, an hour ago."""
    done = subprocess.run([sys.executable, "-c", dedent(KILLED), path], check=False)
    assert done.returncode == -signal.SIGKILL
    (partial,) = path.parent.glob(".*.part")
    an_hour_ago(partial)
    return partial


def an_hour_ago(path: Path) -> None:
    os.utime(path, (path.stat().st_mtime - 3600,) * 2)


def test_a_writer_killed_before_the_end_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    leftover(path)
    assert path.read_bytes() == b"old"


def test_what_a_killed_writer_left_goes_with_the_next(tmp_path: Path) -> None:
    path = tmp_path / "file[1]"
    left = leftover(path)
    others = tmp_path / f".another{left.name}"
    others.write_bytes(b"of another file")
    write_bytes_atomically(path, b"new")
    assert names(tmp_path) == sorted([path.name, others.name])


def test_what_may_not_be_locked_yet_stays(tmp_path: Path) -> None:
    left = leftover(tmp_path / "file")
    left.touch()
    clear_leftovers(tmp_path / "file")
    assert left.exists()
    clear_leftovers(tmp_path / "file", older_than=0.0)
    assert not left.exists()


def test_what_a_slow_writer_still_writes_stays(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with write_atomically(path) as slow:
        slow.write_bytes(b"slow")
        an_hour_ago(slow)
        write_bytes_atomically(path, b"quick")
        assert path.read_bytes() == b"quick"
    assert path.read_bytes() == b"slow"
    assert names(tmp_path) == ["file"]


def test_without_locks_files_are_written_and_leftovers_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    path = tmp_path / "file"
    left = leftover(path)
    monkeypatch.setattr(fcntl, "flock", refuse)
    write_bytes_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert left.exists()
