"""The benchmark of a GPU where there is none."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_without_a_card_it_says_what_it_would_do() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks/gpu.py"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": ":".join(sys.path)},
    )
    assert done.returncode == 2, done.stderr
    first, *parts, last = done.stdout.splitlines()
    assert first.startswith("error: torch finds no GPU here")
    assert len(parts) == 13
    assert "the persistent kernel: speed and error (70 s at most)" in parts[-1]
    seconds = sum(int(line.rpartition("(")[2].split()[0]) for line in parts)
    assert last == f"Together they take {seconds} s at most."
