import ctypes
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from emc.errors import MachineError
from emc.native.build import library
from emc.native.unavailable import UnavailableError

ANSWER = 'extern "C" int answer() { return 42; }'


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EMC_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "kernels"


def script(tmp_path: Path, body: str) -> str:
    path = tmp_path / "compiler"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def test_compiles_once(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "log"
    monkeypatch.setenv("CXX", script(tmp_path, f'echo "$@" >> {log}\nexec c++ "$@"'))
    paths = {library(ANSWER) for _ in range(3)}
    builds = [line for line in log.read_text().splitlines() if " -o " in line]
    assert len(paths) == len(builds) == 1
    assert list(cache.iterdir()) == list(paths)
    assert ctypes.CDLL(str(paths.pop())).answer() == 42


@pytest.mark.parametrize("flags", ["-DSOMETHING_ELSE", "-O1"])
def test_other_sources_and_flags_are_other_libraries(
    flags: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = library(ANSWER), library(ANSWER.replace("42", "43"))
    monkeypatch.setenv("CXXFLAGS", flags)
    assert len({first, second, library(ANSWER)}) == 3


def test_builds_at_once_leave_one_whole_library(cache: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        paths = list(pool.map(library, [ANSWER] * 4))
    assert list(cache.iterdir()) == [paths[0]]
    assert ctypes.CDLL(str(paths[0])).answer() == 42


@pytest.mark.usefixtures("cache")
def test_the_compilers_words_reach_the_user() -> None:
    with pytest.raises(UnavailableError, match="no_such_name"):
        library("int answer = no_such_name;")


def test_a_failed_build_leaves_nothing(cache: Path) -> None:
    with pytest.raises(UnavailableError, match="the compiler failed"):
        library("int answer = no_such_name;")
    assert list(cache.iterdir()) == []


@pytest.mark.usefixtures("cache")
def test_a_compiler_that_fails_without_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", script(tmp_path, "exit 3"))
    with pytest.raises(UnavailableError, match="exit code 3"):
        library(ANSWER)


@pytest.mark.usefixtures("cache")
def test_a_compiler_that_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "/no/such/compiler")
    with pytest.raises(UnavailableError, match=r"does not start.*/no/such/compiler"):
        library(ANSWER)


@pytest.mark.usefixtures("cache")
def test_no_compiler_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnavailableError, match=r"no C\+\+ compiler"):
        library(ANSWER)


def test_a_compiler_that_knows_no_native_processor(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse = 'case "$*" in *=native*) echo unknown processor >&2; exit 1;; esac'
    monkeypatch.setenv("CXX", script(tmp_path, f'{refuse}\nexec c++ "$@"'))
    assert ctypes.CDLL(str(library(ANSWER))).answer() == 42
    assert len(list(cache.iterdir())) == 1


@pytest.mark.parametrize(
    "death", ["kill -TERM $$", "echo 'fatal error: Terminated signal terminated' >&2; exit 1"]
)
def test_a_compiler_that_is_killed_is_no_reason_to_do_without(
    death: str, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "CXX", script(tmp_path, f'case "$*" in *=native*) {death};; esac\nexec c++ "$@"')
    )
    with pytest.raises(MachineError, match=r"the compiler was killed.*goes on.*-march=native"):
        library(ANSWER)
    assert not cache.exists()


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("EMC_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(UnavailableError, match=r"cache cannot be written.*file"):
        library(ANSWER)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"EMC_CACHE_DIR": "a", "XDG_CACHE_HOME": "b"}, "a/kernels"),
        ({"XDG_CACHE_HOME": "b"}, "b/emc/kernels"),
        ({}, "home/.cache/emc/kernels"),
    ],
)
def test_where_the_cache_lies(
    variables: dict[str, str],
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("EMC_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, str(tmp_path / value))
    assert library(ANSWER).parent == tmp_path / expected


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_cache_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o500)
    monkeypatch.setenv("EMC_CACHE_DIR", str(tmp_path))
    with pytest.raises(UnavailableError, match="cache cannot be written"):
        library(ANSWER)
