"""A real SLURM of one node with made-up GPUs (tests/slurm/start.sh): the local run's numbers.

One run meets everything that happens to jobs; the tests look at what it left.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import log
from pathlib import Path

import polars as pl
import psutil
import pytest
from tests.until import SECONDS, until
from tests.workflow.checkout import Checkout

from emc.measurement.resources import BESIDE
from emc.records import Law, Probe
from emc.store.columns import PROBES
from emc.store.journal import read_rounds
from emc.store.layout import Results
from emc.store.resources import Resources, write_resources
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
    pytest.mark.xdist_group("slurm"),
    pytest.mark.skipif(not _controller(), reason="no SLURM answers: see tests/slurm/start.sh"),
]

STUDY = "config/cluster.yaml"
CONTENT = """
study: cluster
defaults:
  dataset: digits
  labels: random
  architecture: {name: mlp, depth: 2, width: 24}
  optimizer: {name: sgd, lr: [0.03, 0.1]}
  budget: {epochs: 1200}
  finish: {iterations: 60, effort: 0.1}
  search: {tolerance: 0.01, probes: 60}
sections:
  s: {grid: {seed: [0, 1, 2, 3, 4]}}
"""
MINUTES = 17
"""What a job asks for in its first try, as `emc resources` foretold."""
MEGABYTES = 1500
"""What it asks for in every try, since the user said so."""
OPTIONS = (
    "--workflow-profile",
    "profiles/slurm",
    "--default-resources",
    "slurm_partition=low",
    "slurm_extra='--signal=TERM@120'",
    "mem_mb=2000",
    "runtime=30",
    "--set-resources",
    f"measure:mem_mb={MEGABYTES}",
    "--slurm-init-seconds-before-status-checks",
    "1",
    "--seconds-between-status-checks",
    "2",
    "--latency-wait",
    "5",
    "--configfile",
    STUDY,
)
"""The profile as users have it, but in the partition that is preempted, and less patient."""


def scontrol(*command: str) -> str:
    done = subprocess.run(["scontrol", *command], capture_output=True, text=True, check=True)
    return done.stdout


def stop(job: str, process: psutil.Process) -> None:
    subprocess.run(["scancel", "--signal", "TERM", job], check=True)


def cancel(job: str, process: psutil.Process) -> None:
    subprocess.run(["scancel", job], check=True)


def requeue(job: str, process: psutil.Process) -> None:
    scontrol("requeue", job)


def kill(job: str, process: psutil.Process) -> None:
    process.kill()


def preempt(job: str, process: psutil.Process) -> None:
    """A job of the more important partition takes all cards, for a moment."""
    subprocess.run(
        ["sbatch", "--partition", "main", "--gpus", "4", "--output", "/dev/null", "--wrap", "true"],
        check=True,
        capture_output=True,
    )


DISTURBANCES: tuple[Callable[[str, psutil.Process], None], ...] = (
    stop,
    cancel,
    requeue,
    kill,
    preempt,
)
"""One for each cell; the last stops whatever runs."""


@dataclass(frozen=True)
class Disturbed:
    """A cell as something happened to it: its job, and the probes in its journal before."""

    cell: str
    job: str
    probes: tuple[Probe, ...]


@dataclass(frozen=True)
class Ended:
    """A run on the cluster that is over."""

    checkout: Checkout
    code: int
    said: str
    disturbed: Mapping[str, Disturbed]

    def jobs(self) -> list[dict[str, str]]:
        """What SLURM knows of the run's jobs."""
        rows = scontrol("show", "jobs", "--oneliner").splitlines()
        facts = [dict(entry.split("=", 1) for entry in row.split() if "=" in entry) for row in rows]
        return [one for one in facts if one.get("WorkDir") == str(self.checkout.folder)]

    def job(self, disturbance: str) -> dict[str, str]:
        """The job that was disturbed."""
        (found,) = [one for one in self.jobs() if one["JobId"] == self.disturbed[disturbance].job]
        return found


def environment(checkout: Checkout) -> dict[str, str]:
    """That of a user in the copy."""
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(checkout.folder / "workflow"),
    }


@contextmanager
def snakemake(checkout: Checkout, *options: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        ["snakemake", *OPTIONS, *options],
        cwd=checkout.folder,
        env=environment(checkout),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def allocate(checkout: Checkout) -> str:
    """Submit the study as one job and give its number."""
    size = ("--partition", "low", "--gpus", "2", "--cpus-per-task", "2", "--mem", "8000")
    study = ("profiles/slurm/allocation.sh", "--configfile", STUDY, "--until", "measure")
    done = subprocess.run(
        ["sbatch", "--parsable", *size, *study],
        cwd=checkout.folder,
        env=environment(checkout),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def await_end(job: str) -> int:
    """Wait for the job to end and give its exit code."""

    def ended() -> str | None:
        said = scontrol("show", "job", job)
        return None if re.search(r"JobState=(PENDING|RUNNING|COMPLETING)", said) else said

    said = until(ended, f"the end of job {job}", pause=0.5)
    return int(said.partition("ExitCode=")[2].partition(":")[0])


def measuring(definition: str, folder: Path) -> psutil.Process | None:
    """The process of a job that measures the cell of this definition."""
    for process in psutil.process_iter(["cmdline", "cwd"]):
        if process.info["cwd"] == str(folder) and definition in (process.info["cmdline"] or ()):
            return process
    return None


def disturb_next(
    cells: dict[str, str],
    checkout: Checkout,
    disturbance: Callable[[str, psutil.Process], None],
) -> Disturbed:
    """Wait for a cell with a round in its journal and disturb its job; `cells` loses it."""
    results = Results(checkout.folder / "results")

    def begun() -> tuple[str, psutil.Process, tuple[Probe, ...]] | None:
        for cell, definition in cells.items():
            probes, in_use = read_rounds(results.cell(cell).journal)
            process = measuring(definition, checkout.folder) if probes and in_use else None
            if process:
                return cell, process, tuple(probes)
        return None

    cell, process, probes = until(
        begun, f"a cell that is measured, for {disturbance.__name__}", pause=0.1
    )
    job = process.environ()["SLURM_JOB_ID"]
    disturbance(job, process)
    del cells[cell]
    return Disturbed(cell, job, probes)


def foretell(checkout: Checkout) -> None:
    """What `emc resources` leaves, of cells that take as long as one another."""
    seconds = 60.0 * (MINUTES - BESIDE["runtime"])
    megabytes = 8000.0
    laws = {
        resource: Law(log(amount) - 1e-9, power=0.0, typical=1.0, factor=1.0, learnt_from=9)
        for resource, amount in (("runtime", seconds), ("mem_mb", megabytes))
    }
    path = Results(checkout.folder / "results").study("cluster").resources
    write_resources(path, Resources({"measure": laws}, {}))


def probes_of(checkout: Checkout, cell: str) -> pl.DataFrame:
    files = Results(checkout.folder / "results").cell(cell)
    return read_table(files.probes, PROBES, "measure")


@pytest.fixture(scope="module")
def ended(fresh: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """Five cells, each of which was disturbed in another way."""
    checkout = fresh.copy(tmp_path_factory.mktemp("cluster") / "emc")
    (checkout.folder / STUDY).write_text(CONTENT)
    foretell(checkout)
    cells = {one.id: one.definition for one in load_file(checkout.folder / STUDY).cells}
    with snakemake(checkout, "--until", "measure") as process:
        disturbed = {one.__name__: disturb_next(cells, checkout, one) for one in DISTURBANCES}
        said, _ = process.communicate(timeout=SECONDS)
    return Ended(checkout, process.returncode, said, disturbed)


@pytest.fixture(scope="module")
def allocated(fresh: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """The same cells in one job, which is stopped, and in a second one, which is requeued."""
    checkout = fresh.copy(tmp_path_factory.mktemp("allocated") / "emc")
    (checkout.folder / STUDY).write_text(CONTENT)
    cells = {one.id: one.definition for one in load_file(checkout.folder / STUDY).cells}
    disturbed: dict[str, Disturbed] = {}
    for disturbances in ((kill, stop), (requeue,)):
        job = allocate(checkout)
        disturbed |= {one.__name__: disturb_next(cells, checkout, one) for one in disturbances}
        code = await_end(job)
        if stop in disturbances:
            log = f"results/logs/measure/{disturbed['stop'].cell}.log"
            shutil.copy(checkout.folder / log, checkout.folder / "stopped.log")
    said = (checkout.folder / f"allocation-{job}.log").read_text()
    return Ended(checkout, code, said, disturbed)


@pytest.fixture(scope="module")
def local(fresh: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A copy in which the study was measured without SLURM."""
    copy = fresh.copy(tmp_path_factory.mktemp("local") / "emc")
    (copy.folder / STUDY).write_text(CONTENT)
    copy.snakemake(STUDY, "--until", "measure")
    return copy


def test_jobs_that_are_stopped_killed_and_requeued_end_with_the_same_numbers(
    ended: Ended, local: Checkout
) -> None:
    assert ended.code == 0, ended.said
    for cell in (one.cell for one in ended.disturbed.values()):
        found = probes_of(ended.checkout, cell).drop("seconds", "finish_seconds")
        assert found.equals(probes_of(local, cell).drop("seconds", "finish_seconds"))


def assert_rounds_are_kept(ended: Ended, disturbance: str) -> None:
    """Training takes another time whenever it is repeated, to the nanosecond."""
    one = ended.disturbed[disturbance]
    kept = probes_of(ended.checkout, one.cell)["seconds"].to_list()
    before = [probe.run.seconds for probe in one.probes]
    assert before
    assert kept[: len(before)] == before


@pytest.mark.parametrize("disturbance", [one.__name__ for one in DISTURBANCES])
def test_a_disturbed_job_goes_on_from_its_journal(ended: Ended, disturbance: str) -> None:
    assert_rounds_are_kept(ended, disturbance)


@pytest.mark.parametrize(
    ("disturbance", "state"), [("stop", "FAILED"), ("cancel", "CANCELLED"), ("kill", "FAILED")]
)
def test_a_further_try_is_a_job_that_asks_for_more(
    ended: Ended, disturbance: str, state: str
) -> None:
    first = ended.job(disturbance)
    assert first["JobState"] == state
    assert first["TimeLimit"] == f"00:{MINUTES}:00"
    again = [one for one in ended.jobs() if one["TimeLimit"] == f"00:{2 * MINUTES}:00"]
    assert len(again) >= 3
    assert {one["JobState"] for one in again} == {"COMPLETED"}


@pytest.mark.parametrize("disturbance", ["requeue", "preempt"])
def test_a_job_that_makes_room_waits_under_its_old_number(ended: Ended, disturbance: str) -> None:
    job = ended.job(disturbance)
    assert job["JobState"] == "COMPLETED"
    assert int(job["Restarts"]) >= 1
    assert job["Partition"] == "low"


def test_what_the_user_sets_wins_over_what_is_foretold(ended: Ended) -> None:
    asked = {job["MinMemoryNode"] for job in ended.jobs() if job["Comment"].startswith("rule_meas")}
    assert asked == {f"{MEGABYTES}M"}


def test_a_study_as_one_job_ends_with_the_same_numbers(allocated: Ended, local: Checkout) -> None:
    assert allocated.code == 0, allocated.said
    jobs = sorted(allocated.jobs(), key=lambda job: int(job["JobId"]))
    assert [job["JobState"] for job in jobs] == ["FAILED", "COMPLETED"]
    assert [job["Restarts"] for job in jobs] == ["0", "1"]
    for cell in load_file(local.folder / STUDY).cells:
        found = probes_of(allocated.checkout, cell.id).drop("seconds", "finish_seconds")
        assert found.equals(probes_of(local, cell.id).drop("seconds", "finish_seconds"))


@pytest.mark.parametrize("disturbance", ["kill", "stop", "requeue"])
def test_cells_of_a_study_as_one_job_go_on_from_their_journals(
    allocated: Ended, disturbance: str
) -> None:
    assert_rounds_are_kept(allocated, disturbance)


def test_cells_save_before_a_study_as_one_job_ends(allocated: Ended) -> None:
    assert "stopped: " in (allocated.checkout.folder / "stopped.log").read_text()
