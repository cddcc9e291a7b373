"""Where the time of a study of many small cells goes, from a whole run of its own.

    python benchmarks/study.py

Makes a checkout in a temporary folder, runs snakemake on a study of 200 small nets on the digits of
scikit-learn with random labels, and divides the time of all its cores. Training, finishes and
certificates are what these themselves took; a start is what a job's script takes to say how
it is used, with as many at once as there are cores; the rest is search, tables and files. Then one
of the cells is measured alone to see how soon its first probe is over.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from shutil import copy2, copytree, ignore_patterns
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, sleep
from typing import Any

import polars as pl
import yaml
from rich.console import Console
from rich.table import Table

from emc.study.cell import Cell
from emc.study.identity import canonical, cell_id

ROOT = Path(__file__).parents[1]
PARTS = ("Snakefile", "config", "profiles", "scripts", "workflow")
DEFAULTS = {
    "dataset": "digits",
    "labels": "random",
    "search": {"tolerance": 0.1},
}


def study(cells: int) -> dict[str, Any]:
    """MLPs of five widths, at as many learning rates as cells ask for."""
    rates = [round(0.05 * 1.02**step, 6) for step in range(-(-cells // 5))]
    grid = {
        "architecture": [{"name": "mlp", "depth": 2, "width": w} for w in (8, 12, 16, 20, 24)],
        "optimizer": [{"name": "sgd", "momentum": 0.9, "lr": rate} for rate in rates],
    }
    return {"study": "many", "defaults": DEFAULTS, "sections": {"all": {"grid": grid}}}


def one_cell() -> Cell:
    net = {"name": "mlp", "depth": 2, "width": 16}
    optimizer = {"name": "sgd", "momentum": 0.9, "lr": 0.05}
    return Cell.model_validate({**DEFAULTS, "architecture": net, "optimizer": optimizer})


@contextmanager
def checkout() -> Iterator[Path]:
    """A copy of the repository's working parts without results."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        for part in PARTS:
            if (ROOT / part).is_dir():
                copytree(ROOT / part, folder / part, ignore=ignore_patterns("__pycache__"))
            else:
                copy2(ROOT / part, folder / part)
        yield folder


def run(folder: Path, *command: str) -> float:
    """Seconds that a command takes in the checkout; ends the benchmark where it fails."""
    start = perf_counter()
    done = subprocess.run(
        command, cwd=folder, env=_environment(folder), text=True, capture_output=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")
    return perf_counter() - start


def _environment(folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(folder / "workflow"),
        "CUDA_VISIBLE_DEVICES": "",
    }


def job_seconds(folder: Path, rule: str) -> list[float]:
    """What snakemake's benchmark files say of a rule's jobs."""
    files = (folder / "results/benchmarks" / rule).glob("*.tsv")
    return [pl.read_csv(file, separator="\t", null_values="NA")["s"][0] for file in files]


def work_seconds(folder: Path, pattern: str, column: str = "seconds") -> list[float]:
    """What the rows of each cell's table took together."""
    files = (folder / "results/cells").glob(f"*/{pattern}.parquet")
    return [float(pl.read_parquet(file)[column].sum()) for file in files]


def shares(folder: Path, wall: float, cores: int) -> list[tuple[str, float, str]]:
    """Name, seconds in all, and a word on single jobs."""
    rows = []
    measured, certified = job_seconds(folder, "measure"), job_seconds(folder, "certify")
    trained = work_seconds(folder, "probes")
    finished = work_seconds(folder, "probes", "finish_seconds")
    curvature = work_seconds(folder, "certificate-*")
    rows.append(("training", sum(trained), _spread(trained)))
    rows.append(("finishes", sum(finished), _spread(finished)))
    rows.append(("certificates", sum(curvature), _spread(curvature)))
    worked = [*trained, *finished]
    for name, jobs, work in (("measure", measured, worked), ("certify", certified, curvature)):
        starts = start_seconds(folder, name, cores)
        starting = len(jobs) * median(starts)
        rows.append((f"start of {name}", starting, _spread(starts)))
        rest = sum(jobs) - sum(work) - starting
        rows.append((f"rest of {name}", rest, f"a whole job {_spread(jobs)}"))
    others = sorted(
        path.name
        for path in (folder / "results/benchmarks").iterdir()
        if path.name not in {"measure", "certify"}
    )
    rows += [(name, sum(job_seconds(folder, name)), "") for name in others]
    rows.append(("snakemake, and cores without a job", cores * wall - sum(r[1] for r in rows), ""))
    return rows


def start_seconds(folder: Path, script: str, cores: int) -> list[float]:
    """What interpreter and imports of a script take, with as many at once as there are cores."""
    command = (sys.executable, "-P", "-m", f"emc.scripts.{script}", "--help")
    with ThreadPoolExecutor(cores) as pool:
        return list(pool.map(lambda _: run(folder, *command), range(5 * cores)))


def _spread(seconds: list[float]) -> str:
    return f"{median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f})"


def first_probe(folder: Path) -> float:
    """Seconds from the start of a measure job to its first probe in the journal."""
    cell = one_cell()
    command = [sys.executable, "-P", "-m", "emc.scripts.measure", "--cell", canonical(cell)]
    with ExitStack() as stack:
        alone = Path(stack.enter_context(TemporaryDirectory()))
        (alone / "data").symlink_to(folder / "results/data")
        journal = alone / "cells" / cell_id(cell) / "journal/rounds.journal"
        start = perf_counter()
        process = stack.enter_context(
            subprocess.Popen(
                [*command, "--results", str(alone)],
                cwd=folder,
                env=_environment(folder),
                stderr=subprocess.DEVNULL,
            )
        )
        while process.poll() is None and not (journal.exists() and journal.stat().st_size):
            sleep(0.002)
        seconds = perf_counter() - start
        process.wait()
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=200)
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--repeats", type=int, default=5, help="of the cell that is measured alone")
    asked = parser.parse_args()
    console = Console(width=120)
    with checkout() as folder:
        (folder / "many.yaml").write_text(yaml.safe_dump(study(asked.cells)))
        options = ("--cores", str(asked.cores), "--configfile", "many.yaml")
        wall = run(folder, "snakemake", *options, "--quiet", "all")
        table = Table("part", "seconds", "share", "a cell: median (smallest to largest)")
        table.title = (
            f"{asked.cells} cells on {asked.cores} cores: {wall:.0f} s of wall time,"
            f" load {os.getloadavg()[1]:.1f}"
        )
        for name, seconds, note in shares(folder, wall, asked.cores):
            table.add_row(name, f"{seconds:.1f}", f"{seconds / wall / asked.cores:.0%}", note)
        console.print(table)
        firsts = [first_probe(folder) for _ in range(asked.repeats)]
        console.print(f"a measure job's first probe is over {_spread(firsts)} after its start")


if __name__ == "__main__":
    main()
