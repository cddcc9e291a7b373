"""A measurement killed again and again ends with the very numbers of an undisturbed one."""

import os
import random
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import polars as pl
import pytest
from tests.until import until, until_other
from tests.workflow.checkout import Checkout

from emc.errors import EXIT_INTERRUPTED
from emc.store.columns import PROBES
from emc.store.tables import read_table
from emc.study.cell import Cell
from emc.study.identity import canonical, cell_id

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

CELL = Cell.model_validate(
    {
        "dataset": "digits",
        "labels": "random",
        "architecture": {"name": "mlp", "depth": 2, "width": 24},
        "optimizer": {"name": "sgd", "lr": [0.03, 0.1]},
        "budget": {"epochs": 400},
        "finish": {"iterations": 60, "effort": 0.1},
        "search": {"tolerance": 0.02, "probes": 90},
    }
)
LONG = Cell.model_validate(
    {
        "dataset": "digits",
        "labels": "random",
        "architecture": {"name": "mlp", "depth": 2, "width": 32},
        "optimizer": {"name": "adam", "lr": [0.0003, 0.001]},
        "budget": {"epochs": 300},
        "finish": {"iterations": 60, "effort": 0.1},
        "search": {"tolerance": 0.02, "probes": 8},
    }
)
"""Its eight probes are one round of the back end `vmap`."""

KILLS = 20


def start(checkout: Checkout, cell: Cell = CELL, *options: str) -> subprocess.Popen[bytes]:
    """Begin to measure; what it says goes to the file `said`, the last writer's words."""
    command = [sys.executable, "-P", "-m", "emc.scripts.measure", "--cell", canonical(cell)]
    command += options
    environment = {**os.environ, "PYTHONPATH": "workflow", "CUDA_VISIBLE_DEVICES": ""}
    with (checkout.folder / "said").open("wb") as said:
        return subprocess.Popen(
            [*command, "--results", "results"], cwd=checkout.folder, env=environment, stderr=said
        )


def outcome(checkout: Checkout, cell: Cell = CELL) -> tuple[pl.DataFrame, str]:
    """Probes without their wall time, and the estimate without its own."""
    folder = checkout.folder / "results/cells" / cell_id(cell)
    probes = read_table(folder / "probes.parquet", PROBES, "measure").drop(
        "seconds", "finish_seconds"
    )
    lines = (folder / "estimate.json").read_text().splitlines()
    return probes, "\n".join(line for line in lines if '"seconds"' not in line)


def test_twenty_kills_change_nothing(measured: Checkout, tmp_path: Path) -> None:
    undisturbed, killed = measured.copy(tmp_path / "calm"), measured.copy(tmp_path / "killed")
    assert start(undisturbed).wait() == 0
    delay = random.Random(11)
    kills = 0
    while True:
        process = start(killed)
        try:
            if process.wait(timeout=None if kills == KILLS else delay.uniform(0.2, 1.0)) == 0:
                break
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1
    calm, disturbed = outcome(undisturbed), outcome(killed)
    assert calm[0].equals(disturbed[0])
    assert calm[1] == disturbed[1]
    assert kills >= 5, "the cell was too quick to be killed often"


def test_kills_inside_a_long_round_change_nothing(measured: Checkout, tmp_path: Path) -> None:
    options = ("--back-end", "vmap", "--checkpoint-seconds")
    undisturbed, killed = measured.copy(tmp_path / "calm"), measured.copy(tmp_path / "killed")
    assert start(undisturbed, LONG, *options, "60").wait() == 0
    folder = killed.folder / "results/cells" / cell_id(LONG) / "journal"
    delay = random.Random(12)
    for _ in range(4):
        before = saved(folder)
        process = start(killed, LONG, *options, "0")
        until_other(partial(saved, folder), before, "a checkpoint")
        time.sleep(delay.uniform(0.0, 0.3))
        assert process.poll() is None, "the round was too quick to be killed often"
        process.kill()
        process.wait()
        assert not (folder / "rounds.journal").stat().st_size, "a whole round was finished"
    assert start(killed, LONG, *options, "60").wait() == 0
    calm, disturbed = outcome(undisturbed, LONG), outcome(killed, LONG)
    assert calm[0].equals(disturbed[0])
    assert calm[1] == disturbed[1]


def saved(folder: Path) -> int:
    """When the round under way was saved last."""
    file = folder / "round.checkpoint"
    return file.stat().st_mtime_ns if file.exists() else 0


def test_a_stopped_job_says_so_and_goes_on(measured: Checkout, tmp_path: Path) -> None:
    """SLURM sends SIGTERM before a time limit and on preemption, Ctrl-C sends SIGINT."""
    undisturbed, stopped = measured.copy(tmp_path / "calm"), measured.copy(tmp_path / "stopped")
    assert start(undisturbed).wait() == 0
    for sign in (signal.SIGTERM, signal.SIGINT):
        begun = written(stopped)
        process = start(stopped)
        until_other(partial(written, stopped), begun, "a round in the journal")
        process.send_signal(sign)
        assert process.wait(timeout=600) == EXIT_INTERRUPTED
        said = (stopped.folder / "said").read_text()
        assert f"{sign.name}: stopping" in said
        assert "stopped: " in said
        assert "Traceback" not in said
    assert start(stopped).wait() == 0
    calm, disturbed = outcome(undisturbed), outcome(stopped)
    assert calm[0].equals(disturbed[0])
    assert calm[1] == disturbed[1]


def test_a_second_process_on_the_same_cell_waits_for_its_result(
    measured: Checkout, tmp_path: Path
) -> None:
    checkout = measured.copy(tmp_path / "twice")
    first = start(checkout)
    until(lambda: "round 0" in said_by(checkout), "a first round")
    first.send_signal(signal.SIGSTOP)
    second = start(checkout)
    try:
        waits = "another process is measuring this cell: waiting"
        until(lambda: waits in said_by(checkout), "a second process that waits")
    finally:
        first.send_signal(signal.SIGCONT)
    assert first.wait() == 0
    written = outcome(checkout)[0]
    assert second.wait() == 0
    assert outcome(checkout)[0].equals(written)
    assert "round 0" not in said_by(checkout)


def written(checkout: Checkout) -> int:
    """Bytes in the journal of `CELL`."""
    journal = checkout.folder / "results/cells" / cell_id(CELL) / "journal/rounds.journal"
    return journal.stat().st_size if journal.exists() else 0


def said_by(checkout: Checkout) -> str:
    return (checkout.folder / "said").read_text()
