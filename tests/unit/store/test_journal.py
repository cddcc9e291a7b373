"""The journal: whole rounds survive whatever happens to the file, its writer or the disk."""

import errno
import fcntl
import io
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from textwrap import dedent
from typing import IO, Any

import numpy as np
import pytest
from tests.unit.store.examples import CELL, end_point, one_round, probe

from emc.errors import EmcError
from emc.records import Probe
from emc.store import journal as journal_module
from emc.store.checkpoint import beside
from emc.store.journal import InUseError, Journal, forget, in_use, read_rounds, refuse_in_use
from emc.store.rows import probe_row

ROOT = Path(__file__).parents[3]


@pytest.fixture
def path(quick_path: Path) -> Path:
    return quick_path / "journal" / "rounds.journal"


def write(path: Path, rounds: int, replicas: int = 1) -> list[int]:
    """Fill a journal; the file's length after each round."""
    lengths = [0]
    journal = Journal(path, CELL)
    for number in range(rounds):
        journal.append(*one_round(number, replicas))
        lengths.append(path.stat().st_size)
    journal.close()
    return lengths


def rounds_of(path: Path) -> list[list[Probe]]:
    journal = Journal(path, CELL)
    try:
        return [list(one) for one in journal.rounds]
    finally:
        journal.close()


def wanted(rounds: int, replicas: int = 1) -> list[list[Probe]]:
    return [one_round(number, replicas)[0] for number in range(rounds)]


def test_a_new_journal_is_empty(path: Path) -> None:
    assert rounds_of(path) == []


def test_rounds_come_back(path: Path) -> None:
    write(path, 3, replicas=12)
    journal = Journal(path, CELL)
    assert [list(one) for one in journal.rounds] == wanted(3, 12)
    assert journal.probes == [one for probes in wanted(3, 12) for one in probes]
    for number, replica in ((0, 0), (2, 1), (1, 11)):
        found = journal.endpoint(probe(number, replica))
        expected = end_point(number, replica)
        assert found.keys() == expected.keys()
        for name, tensor in expected.items():
            np.testing.assert_array_equal(found[name], tensor)
    journal.close()


def test_a_journal_goes_on_where_it_stopped(path: Path) -> None:
    write(path, 2)
    journal = Journal(path, CELL)
    journal.append(*one_round(2))
    np.testing.assert_array_equal(
        journal.endpoint(probe(2, 0))["0.weight"], end_point(2, 0)["0.weight"]
    )
    np.testing.assert_array_equal(
        journal.endpoint(probe(0, 0))["0.weight"], end_point(0, 0)["0.weight"]
    )
    journal.append(*one_round(3))
    journal.close()
    assert rounds_of(path) == wanted(4)


def test_layout_in_memory_does_not_matter(path: Path) -> None:
    tensors = {
        "turned": np.arange(6, dtype=np.float32).reshape(2, 3).T,
        "scalar": np.array(1.5, dtype=np.float32),
        "empty": np.zeros((0, 3), dtype=np.float32),
    }
    journal = Journal(path, CELL)
    journal.append([probe(0, 0)], [tensors])
    found = journal.endpoint(probe(0, 0))
    journal.close()
    for name, tensor in tensors.items():
        assert found[name].shape == tensor.shape
        np.testing.assert_array_equal(found[name], tensor)


def test_a_journal_that_is_forgotten_is_gone(path: Path) -> None:
    write(path, 1)
    beside(path).touch()
    for killed in (path, beside(path)):
        path.with_name(f".{killed.name}.0123456789abcdef.part").touch()
    for _ in range(2):
        forget(path)
        assert not list(path.parent.iterdir())
    assert rounds_of(path) == []


def test_a_journal_in_use_is_not_forgotten(path: Path) -> None:
    write(path, 1)
    journal = Journal(path, CELL)
    forget(path)
    journal.close()
    assert rounds_of(path) == wanted(1)


def test_a_journal_that_cannot_be_removed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: Any) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    write(path, 1)
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(EmcError, match=r"the journal cannot be removed: .*Read-only file system"):
        forget(path)


def test_a_finished_journal_has_all_probes_and_the_end_points_that_decide(path: Path) -> None:
    whole = write(path, 3, replicas=12)[-1]
    kept = probe(1, 11)
    for _ in range(2):  # it is opened and finished again where a job is started anew
        journal = Journal(path, CELL)
        assert [list(one) for one in journal.rounds] == wanted(3, 12)
        np.testing.assert_array_equal(
            journal.endpoint(kept)["0.weight"], end_point(1, 11)["0.weight"]
        )
        journal.finish([kept])
    assert path.stat().st_size < whole
    assert not list(path.parent.glob(".*"))
    journal = Journal(path, CELL)
    with pytest.raises(EmcError, match="no longer has the end point of round 1, replica 0; remove"):
        journal.endpoint(probe(1, 0))
    journal.close()


@pytest.mark.parametrize("order", [[0, 1, 0, 1], [0, 0, 1], [1], [0, 2], [0, 1, 1]])
def test_a_round_out_of_turn_is_damage(
    order: list[int], path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As after `cat J J`: a round that is there twice would count twice."""
    ends = write(path, 3, replicas=2)
    content = path.read_bytes()
    path.write_bytes(b"".join(content[ends[number] : ends[number + 1]] for number in order))
    sound = next(place for place in range(4) if order[place : place + 1] != [place])
    assert read_rounds(path) == ([one for probes in wanted(sound, 2) for one in probes], False)
    assert rounds_of(path) == wanted(sound, 2)
    assert f"what follows round {sound} is damaged and is measured again" in caplog.text
    assert path.read_bytes() == content[: ends[sound]]


def test_a_tail_torn_at_any_byte_is_measured_again(path: Path) -> None:
    lengths = write(path, 3)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        kept = sum(end <= length for end in lengths) - 1
        journal = Journal(path, CELL)
        assert [list(one) for one in journal.rounds] == wanted(kept)
        assert path.stat().st_size == lengths[kept]
        journal.append(*one_round(kept))
        journal.close()
        assert path.read_bytes() == whole[: lengths[kept + 1]]


def test_a_byte_flipped_anywhere_costs_no_round_before_it(path: Path) -> None:
    lengths = write(path, 2)
    whole = path.read_bytes()
    for place in range(len(whole)):
        altered = bytearray(whole)
        altered[place] ^= 1 << place % 8
        path.write_bytes(altered)
        kept = sum(end <= place for end in lengths) - 1
        assert rounds_of(path) == wanted(kept)


@pytest.mark.parametrize("junk", [b"\0", b"EMC1", b"\0" * 100, b"EMC1" + b"\xff" * 100])
def test_junk_at_the_end_is_dropped_and_told(
    junk: bytes, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(path, 2)
    with path.open("ab") as file:
        file.write(junk)
    assert rounds_of(path) == wanted(2)
    assert "what follows round 2 is damaged and is measured again" in caplog.text
    assert read_rounds(path) == ([one for probes in wanted(2) for one in probes], False)


def test_another_cells_journal_is_refused_and_left_alone(path: Path) -> None:
    write(path, 1)
    before = path.read_bytes()
    message = f"{path}: expected the journal of other, found that of {CELL}; remove it"
    for _ in range(2):  # the first refusal lets go of the lock
        with pytest.raises(EmcError, match=f"^{re.escape(message)}$"):
            Journal(path, "other")
    assert path.read_bytes() == before


@pytest.mark.parametrize("change", [{"colour": 1}, {"outcome": "unfinished"}, {"n": None}])
def test_a_journal_of_another_version_is_refused(
    change: dict[str, Any], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = probe_row

    def other(one: Probe) -> dict[str, Any]:
        changed = {**row(one), **change}
        return {key: value for key, value in changed.items() if value is not None}

    monkeypatch.setattr(journal_module, "probe_row", other)
    write(path, 1)
    with pytest.raises(EmcError, match=f"^{re.escape(str(path))}: journal of another version"):
        Journal(path, CELL)
    with pytest.raises(EmcError, match="journal of another version"):
        read_rounds(path)


def test_a_folder_in_its_place_is_told(path: Path) -> None:
    path.mkdir(parents=True)
    message = f"{path}: the journal cannot be read: Is a directory"
    with pytest.raises(EmcError, match=f"^{re.escape(message)}$"):
        read_rounds(path)
    assert not in_use(path)


class TestTwoProcesses:
    """Only one may measure a cell; others may look."""

    def test_the_second_is_refused(self, path: Path) -> None:
        journal = Journal(path, CELL)
        message = f"{path}: another process is measuring this cell"
        with pytest.raises(EmcError, match=f"^{re.escape(message)}$"):
            Journal(path, CELL)
        journal.append(*one_round(0))
        journal.close()
        assert rounds_of(path) == wanted(1)

    def test_the_second_process_is_refused(self, path: Path) -> None:
        journal = Journal(path, CELL)
        program = "import sys; from emc.store.journal import *; Journal(Path(sys.argv[1]), 'c')"
        done = subprocess.run(
            [sys.executable, "-c", program, path], capture_output=True, text=True, check=False
        )
        journal.close()
        assert f"InUseError: {path}: another process is measuring this cell" in done.stderr

    def test_a_look_does_not_disturb_an_opening(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(path, 1)
        looker = path.open("rb")
        fcntl.flock(looker, fcntl.LOCK_SH)
        monkeypatch.setattr(journal_module, "sleep", lambda _: looker.close())
        assert rounds_of(path) == wanted(1)

    def test_looking_on(self, path: Path) -> None:
        assert read_rounds(path) == ([], False)
        journal = Journal(path, CELL)
        assert read_rounds(path) == ([], True)
        for number in range(2):
            journal.append(*one_round(number, 2))
        assert read_rounds(path) == (journal.probes, True)
        journal.close()
        assert read_rounds(path) == (journal.probes, False)

    def test_whether_it_is_in_use_without_a_look_at_its_rounds(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(journal_module, "_rounds", None)
        assert not in_use(path)
        path.parent.mkdir()
        with path.open("w") as writer:
            fcntl.flock(writer, fcntl.LOCK_EX)
            assert in_use(path)
            with pytest.raises(InUseError, match=f"^{path}: another process is measuring"):
                refuse_in_use(path)
        assert not in_use(path)
        refuse_in_use(path)

    def test_looking_at_a_round_half_written(self, path: Path) -> None:
        lengths = write(path, 2)
        with path.open("r+b") as file:
            file.truncate(lengths[2] - 1)
        assert read_rounds(path) == (one_round(0)[0], False)
        assert path.stat().st_size == lengths[2] - 1


class Dribble(io.FileIO):
    """A file whose reads bring a few bytes at a time, as reads of more than 2 GiB do."""

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        return super().read(min(size, 7))


class SlowPath(type(Path())):  # type: ignore[misc]
    """A path of such a file."""

    def open(self, mode: str = "r", **_: object) -> IO[bytes]:
        return Dribble(self, mode)


def test_reads_that_bring_less_than_asked(path: Path) -> None:
    write(path, 3)
    assert read_rounds(SlowPath(path))[0] == [one for probes in wanted(3) for one in probes]


class FullDisk(io.FileIO):
    """Takes some bytes of a write, then none."""

    room = 10

    def write(self, content: Any, /) -> int:
        if self.room <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = super().write(memoryview(content)[: self.room])
        self.room -= taken
        return taken


def test_a_full_disk_keeps_what_was_there(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lengths = write(path, 2)
    monkeypatch.setattr(Path, "open", lambda self, mode, **_: FullDisk(self, mode))
    journal = Journal(path, CELL)
    message = f"{path}: the round cannot be saved: [Errno 28] No space left on device"
    with pytest.raises(EmcError, match=f"^{re.escape(message)}$"):
        journal.append(*one_round(2))
    assert [list(one) for one in journal.rounds] == wanted(2)
    assert path.stat().st_size == lengths[2]
    journal.close()
    monkeypatch.undo()
    assert rounds_of(path) == wanted(2)


def start(program: str, path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", dedent(program), path],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'workflow'}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


APPENDING = """
    import resource, sys
    from pathlib import Path
    from emc.store.journal import Journal
    from tests.unit.store.examples import CELL, one_round
    {limit}
    journal = Journal(Path(sys.argv[1]), CELL)
    while True:
        journal.append(*one_round(len(journal.rounds), 3))
        print(len(journal.rounds), flush=True)
"""


def test_a_file_system_that_takes_no_more(path: Path) -> None:
    limit = "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))"
    out, err = start(APPENDING.format(limit=limit), path).communicate()
    rounds = int(out.split()[-1])
    assert "FileError" in err
    assert "the round cannot be saved: [Errno 27] File too large" in err
    assert rounds > 1
    assert rounds_of(path) == wanted(rounds, 3)


def test_a_writer_killed_again_and_again_loses_one_round_at_most(path: Path) -> None:
    before = 0
    for attempt in range(5):
        with start(APPENDING.format(limit=""), path) as writer:
            assert writer.stdout is not None
            assert int(writer.stdout.readline()) == before + 1
            time.sleep(0.003 * attempt)
            writer.send_signal(signal.SIGKILL)
            told = writer.stdout.read().split("\n")[:-1]  # behind the last line end is none or half
            last = max([before + 1, *map(int, told)])
        found = rounds_of(path)
        assert found == wanted(len(found), 3)
        assert last <= len(found) <= last + 1
        before = len(found)


@pytest.mark.parametrize("name", ["file/below", "x" * 300])
def test_a_place_where_no_journal_can_be(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(EmcError, match="the journal cannot be opened: "):
        Journal(tmp_path / name, CELL)


def test_a_file_system_without_locks(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(EmcError, match=r"the journal cannot be locked: .*No locks available"):
        Journal(path, CELL)


def test_rounds_are_synced_now_and_then(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 1.0, 6.0, 6.0, 7.0, 11.5, 11.5])
    synced: list[int] = []
    monkeypatch.setattr(journal_module, "monotonic", lambda: next(clock))
    monkeypatch.setattr(os, "fsync", lambda _: synced.append(len(journal.rounds)))  # type: ignore[has-type]
    journal = Journal(path, CELL)
    for number in range(4):
        journal.append(*one_round(number))
    journal.close()
    assert synced == [1, 3]
