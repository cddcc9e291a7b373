"""The persistent kernel with a block's threads as threads: no two of them race."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from emc.native.build import HEADERS

PROGRAM = Path(__file__).parent / "persistent_blocks.cpp"
THREADED = ("-DEMC_THREADED", "-fsanitize=thread")
COMPILER = shutil.which("g++") or shutil.which("clang++")


def compiles_with_a_detector(folder: Path) -> bool:
    empty = folder / "empty.cpp"
    empty.write_text("int main() {}")
    command = [str(COMPILER), "-fsanitize=thread", str(empty), "-o", str(folder / "empty")]
    built = subprocess.run(command, capture_output=True, check=False).returncode == 0
    return built and subprocess.run([folder / "empty"], check=False).returncode == 0


@pytest.fixture(autouse=True)
def _detector(tmp_path: Path) -> None:
    if COMPILER is None or not compiles_with_a_detector(tmp_path):
        pytest.skip("no compiler with a race detector (-fsanitize=thread)")


def trained(
    headers: Path, folder: Path, inside: int, *flags: str, threads: int = 8
) -> subprocess.CompletedProcess[str]:
    """What the program says; its numbers do not depend on how its code is put together."""
    where = (f"-DINSIDE={inside}", f"-DROOM={25 * inside}", f"-DEMC_THREADS={threads}")
    common = ("-std=c++17", "-O1", "-g", "-ffp-contract=off", "-pthread", "-I", str(headers))
    program = folder / f"program-{len(flags)}"
    command = [str(COMPILER), *common, *where, *flags, str(PROGRAM), "-o", str(program)]
    subprocess.run(command, check=True)
    first_race = {**os.environ, "TSAN_OPTIONS": "halt_on_error=1"}
    return subprocess.run(
        [program], capture_output=True, text=True, check=False, timeout=120, env=first_race
    )


@pytest.mark.parametrize(
    "inside", [4, *(pytest.param(few, marks=pytest.mark.slow) for few in (0, 2))]
)
@pytest.mark.parametrize(
    "net", [(), ("-DIMAGES",), ("-DTOKENS",)], ids=["dense", "images", "tokens"]
)
def test_threads_train_as_loops_do_and_never_race(
    tmp_path: Path, net: tuple[str, ...], inside: int
) -> None:
    loops, threads = (trained(HEADERS, tmp_path, inside, *net, *flags) for flags in ((), THREADED))
    assert len(loops.stdout.splitlines()) == 5
    assert (threads.stdout, threads.stderr) == (loops.stdout, "")
    assert threads.returncode == 0


@pytest.mark.parametrize("threads", [2, pytest.param(32, marks=pytest.mark.slow)])
def test_tokens_are_trained_alike_by_few_threads_and_many(tmp_path: Path, threads: int) -> None:
    """But for losses and norms, which a block's threads sum up in float64, each its share."""
    eight = trained(HEADERS, tmp_path, 4, "-DTOKENS")
    found = trained(HEADERS, tmp_path, 4, "-DTOKENS", *THREADED, threads=threads)
    assert (found.returncode, found.stderr) == (0, "")
    assert numbers_of(found) == pytest.approx(numbers_of(eight), rel=1e-12)


def numbers_of(found: subprocess.CompletedProcess[str]) -> list[float]:
    return [float.fromhex(word) for word in found.stdout.split()]


@pytest.mark.slow
def test_a_barrier_that_is_missing_is_seen(tmp_path: Path) -> None:
    headers = tmp_path / "headers"
    shutil.copytree(HEADERS, headers)
    text = (headers / "block.hpp").read_text()
    before, after = text.split("void each(", 1)
    (headers / "block.hpp").write_text(f"{before}void each({after.replace('team_.wait();', '', 1)}")
    found = trained(headers, tmp_path, 4, *THREADED)
    assert found.returncode != 0
    assert "ThreadSanitizer: data race" in found.stderr
