"""The benchmark of a GPU where there is none."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def gpu(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROOT / "benchmarks/gpu.py", *options],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": ":".join(sys.path)},
    )


def test_without_a_card_it_says_what_it_would_do() -> None:
    done = gpu()
    assert done.returncode == 2, done.stderr
    first, *parts, last = done.stdout.splitlines()
    assert first.startswith("error: torch finds no GPU here")
    assert len(parts) == 14
    assert "on vision transformers: speed and error (50 s at most)" in parts[-1]
    seconds = sum(int(line.rpartition("(")[2].split()[0]) for line in parts)
    assert last == f"Together they take {seconds} s at most."


def test_what_is_counted_for_a_card_stands_in_the_readme() -> None:
    done = gpu("--foretold", "NVIDIA H200")
    assert done.returncode == 0, done.stderr
    _, _, *table = done.stdout.splitlines()
    assert len(table) == 8
    assert "\n".join(table) in (ROOT / "profiles/README.md").read_text()


def test_a_model_that_nothing_is_known_of_is_told() -> None:
    done = gpu("--foretold", "GTX")
    assert done.returncode == 2
    expected = "error: --foretold: expected a known model such as 'NVIDIA H200', found 'GTX'\n"
    assert done.stderr == expected
