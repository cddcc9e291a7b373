"""A measurement killed again and again ends with the very numbers of an undisturbed one."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
from tests.workflow.checkout import Checkout

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
        "search": {"tolerance": 0.02, "probes": 90},
    }
)
KILLS = 20


def start(checkout: Checkout) -> subprocess.Popen[bytes]:
    """Begin to measure; what it says goes to the file `said`, the last writer's words."""
    command = [sys.executable, "-P", "scripts/measure.py", "--cell", canonical(CELL)]
    environment = {**os.environ, "PYTHONPATH": "workflow", "CUDA_VISIBLE_DEVICES": ""}
    with (checkout.folder / "said").open("wb") as said:
        return subprocess.Popen(
            [*command, "--results", "results"], cwd=checkout.folder, env=environment, stderr=said
        )


def outcome(checkout: Checkout) -> tuple[pl.DataFrame, str]:
    """Probes without their wall time, and the estimate without its own."""
    folder = checkout.folder / "results/cells" / cell_id(CELL)
    probes = read_table(folder / "probes.parquet", PROBES, "measure").drop("seconds")
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
    journal = killed.folder / "results/cells" / cell_id(CELL) / "journal/rounds.journal"
    assert not journal.exists()
    calm, disturbed = outcome(undisturbed), outcome(killed)
    assert calm[0].equals(disturbed[0])
    assert calm[1] == disturbed[1]
    assert kills >= 5, "the cell was too quick to be killed often"


def test_a_second_process_on_the_same_cell_is_refused(measured: Checkout, tmp_path: Path) -> None:
    checkout = measured.copy(tmp_path / "twice")
    first = start(checkout)
    journal = checkout.folder / "results/cells" / cell_id(CELL) / "journal/rounds.journal"
    while not journal.exists() or journal.stat().st_size == 0:
        time.sleep(0.01)
    first.send_signal(signal.SIGSTOP)
    try:
        second = start(checkout)
        assert second.wait() == 2
        said = (checkout.folder / "said").read_text()
        assert "another process is measuring this cell" in said
    finally:
        first.send_signal(signal.SIGCONT)
    assert first.wait() == 0
