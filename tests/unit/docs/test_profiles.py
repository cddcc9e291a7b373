"""The profile of a cluster leaves to the rules what they know better."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]


DEAF = """#!/usr/bin/env bash
trap '' TERM
# `timeout` passes on no signal that comes before its fork has returned: it waits, then, asleep.
until grep -q '^State:.S' "/proc/$PPID/status"; do sleep 0.1; done
echo deaf
while :; do sleep 0.1; done
"""
SRUN = """#!/usr/bin/env bash
while [[ $1 == --* ]]; do shift; done
exec "$@"
"""


@pytest.fixture(scope="module")
def slurm() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "profiles/slurm/profile.yaml").read_text())
    return found


def test_jobs_of_cells_ask_for_what_their_rules_foretell(slurm: dict[str, Any]) -> None:
    assert not {"measure", "certify", "generalise"} & slurm["set-resources"].keys()


def test_there_are_no_job_arrays(slurm: dict[str, Any]) -> None:
    """The plugin's arrays remove results of other tasks; see profiles/README.md."""
    assert not [key for key in slurm if key.startswith("slurm-array")]


def test_there_are_no_groups(slurm: dict[str, Any]) -> None:
    """A group that fails loses the cells that it has finished; see profiles/README.md."""
    assert not {"groups", "group-components"} & slurm.keys()


@pytest.fixture
def hung(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A study as one job, whose Snakemake does not hear that it is asked to end."""
    for name, content in (("snakemake", DEAF), ("srun", SRUN)):
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    slurm = {"SLURM_CPUS_PER_TASK": "2", "SLURM_MEM_PER_NODE": "8000"}
    command = ["bash", str(ROOT / "profiles/slurm/allocation.sh")]
    environment = {**os.environ, "PATH": path, **slurm}
    with subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE) as process:
        yield process
        process.kill()


@pytest.mark.slow
def test_a_study_as_one_job_ends_although_its_snakemake_hangs(
    hung: subprocess.Popen[str],
) -> None:
    assert hung.stdout is not None
    assert hung.stdout.readline() == "deaf\n"
    hung.terminate()
    assert hung.wait(timeout=120) == -signal.SIGKILL
