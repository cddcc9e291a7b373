"""A real SLURM of one node with made-up GPUs (tests/slurm/start.sh): the local run's numbers."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest
from tests.workflow.checkout import Checkout

from emc.store.columns import PROBES
from emc.store.layout import Results
from emc.store.tables import read_table
from emc.study import load_file


def _controller() -> bool:
    if shutil.which("scontrol") is None:
        return False
    return subprocess.run(["scontrol", "ping"], capture_output=True, check=False).returncode == 0


pytestmark = [
    pytest.mark.workflow,
    pytest.mark.slow,
    pytest.mark.slurm,
    pytest.mark.skipif(not _controller(), reason="no SLURM answers: see tests/slurm/start.sh"),
]

STUDY = "config/cluster.yaml"
LONG = """
study: cluster
defaults:
  dataset: digits
  labels: random
  architecture: {name: mlp, depth: 2, width: 24}
  optimizer: {name: sgd, lr: [0.03, 0.1]}
  budget: {epochs: 400}
  search: {tolerance: 0.01, probes: 120}
sections:
  s: {grid: {seed: [0, 1, 2]}}
"""
OPTIONS = (
    "--workflow-profile",
    "profiles/slurm",
    "--slurm-init-seconds-before-status-checks",
    "2",
    "--latency-wait",
    "5",
    "--configfile",
    STUDY,
)
"""The profile as users have it, but for the patience that a real cluster asks for."""
SECONDS = 150.0


@contextmanager
def snakemake(checkout: Checkout, *options: str) -> Iterator[subprocess.Popen[str]]:
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(checkout.folder / "workflow"),
    }
    with subprocess.Popen(
        ["snakemake", *OPTIONS, *options],
        cwd=checkout.folder,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def job_of(cell: str) -> str | None:
    """Number of the job that measures a cell, once it runs."""
    rows = subprocess.run(
        ["squeue", "--noheader", "--states", "RUNNING", "--format", "%i|%k"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    numbers = [row.split("|")[0] for row in rows if row.endswith(cell)]
    return numbers[0] if numbers else None


def next_of(cells: Iterable[str], results: Results) -> str:
    """A cell that is being measured; wait for one."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        for cell in cells:
            if results.cell(cell).journal.exists() and job_of(cell):
                return cell
        time.sleep(0.2)
    raise AssertionError("no cell is being measured")


def probes(checkout: Checkout) -> dict[str, pl.DataFrame]:
    """Probes of every cell of the study without their wall time."""
    results = Results(checkout.folder / "results")
    cells = [one.id for one in load_file(checkout.folder / STUDY).cells]
    return {
        cell: read_table(results.cell(cell).probes, PROBES, "measure").drop("seconds")
        for cell in cells
    }


@pytest.fixture
def local(fresh: Checkout, tmp_path: Path) -> Checkout:
    """A copy in which the study was measured without SLURM."""
    copy = fresh.copy(tmp_path / "local")
    (copy.folder / STUDY).write_text(LONG)
    copy.snakemake(STUDY, "--until", "measure")
    return copy


def test_jobs_that_are_stopped_killed_and_requeued_end_with_the_same_numbers(
    fresh: Checkout, local: Checkout, tmp_path: Path
) -> None:
    checkout = fresh.copy(tmp_path / "cluster")
    (checkout.folder / STUDY).write_text(LONG)
    stopped, cancelled, requeued = (one.id for one in load_file(checkout.folder / STUDY).cells)
    results = Results(checkout.folder / "results")
    disturbances = {
        stopped: ("scancel", "--signal", "TERM"),
        cancelled: ("scancel",),
        requeued: ("scontrol", "requeue"),
    }
    # Job arrays are left out here: their tasks cannot be told apart by comment.
    with snakemake(checkout, "--until", "measure", "--slurm-array-jobs", "none") as process:
        while disturbances:
            cell = next_of(disturbances, results)
            subprocess.run([*disturbances.pop(cell), str(job_of(cell))], check=True)
        said, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, said
    found, wanted = probes(checkout), probes(local)
    assert all(found[cell].equals(wanted[cell]) for cell in wanted)
