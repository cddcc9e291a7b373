"""Ten thousand cells: seconds and memory of everything that looks at all of them.

    OMP_NUM_THREADS=1 python benchmarks/scale.py [--cells 10000] [--repeats 3]

A copy of the workflow in a temporary folder plans a study of that many cells, each measured and
certified. No cell is trained: made-up estimates and empty files stand for results, and Snakemake
records them with --touch. Seconds are wall time, beside them those of the processor, since other
work slows the former; memory is the peak of the process. Each repeat begins with the dry run of a
bare workflow of as many jobs: two rules of one file each, which is what Snakemake itself needs.
Medians of the repeats, and the least and the most.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from emc.records import Estimate, RateEstimate
from emc.store.documents import write_document
from emc.store.layout import Results
from emc.store.rows import estimate_document
from emc.study import PlannedCell, load_file
from emc.study.identity import settings_id

ROOT = Path(__file__).parents[1]
PARTS = ("Snakefile", "config", "profiles", "scripts", "workflow")
STUDY = """
study: scale
defaults:
  dataset: mnist-5k
  architecture: {{name: mlp}}
  optimizer: {{name: sgd, momentum: 0.9, lr: [0.03, 0.1, 0.3]}}
sections:
  grid:
    grid:
      activation: [relu, tanh, sigmoid, leaky-relu, identity]
      labels: [original, random]
      architecture.depth: [1, 2, 3, 4]
      architecture.params: [1e3, 3e3, 1e4, 3e4, 1e5]
      optimizer: [sgd, adam]
      seed: {seeds}
  one:
    cells: [{{architecture.width: 17, seed: {changed}}}]
"""
BARE = """
rule all:
    input: [f"cells/{{n}}/certificate" for n in range({cells})]

rule measure:
    output: "cells/{{cell}}/probes"
    shell: "measure {{wildcards.cell}} > {{output}}"

rule certify:
    input: "cells/{{cell}}/probes"
    output: "cells/{{cell}}/certificate"
    shell: "certify {{wildcards.cell}} < {{input}} > {{output}}"
"""
STUDY_FILES = (
    "cells.parquet",
    "emc.duckdb",
    "findings.parquet",
    "findings.md",
    "index.html",
    "complete.txt",
)
CELLS_A_SEED = 5 * 2 * 4 * 5 * 2


def write_study(file: Path, cells: int, changed: int = 0) -> None:
    seeds = list(range(max(1, cells // CELLS_A_SEED)))
    file.write_text(STUDY.format(seeds=seeds, changed=changed))


def estimate(planned: PlannedCell) -> Estimate:
    """Made-up: an estimate of the right form whose seconds grow with the parameters."""
    rates = planned.cell.optimizer.lr
    parameters = planned.cell.parameters
    return Estimate(
        cell=planned.id,
        method="bayes",
        emc50=100.0,
        low=95.0,
        high=105.0,
        width=1.4,
        emc50_budget=100.0,
        low_budget=95.0,
        high_budget=105.0,
        low_any_curve=92.0,
        high_any_curve=108.0,
        one_curve=True,
        misfit=None,
        unfitted_decided=1.0,
        open_matters=False,
        emc_walk=None,
        saturated=False,
        below_smallest=False,
        tolerance=0.05,
        tolerance_reached=True,
        best_lr=rates[0],
        rate_at_edge=None,
        rates=tuple(RateEstimate(rate, 100.0, 95.0, 105.0, 8) for rate in rates),
        probes=24,
        rounds=3,
        parameters=parameters,
        classes=10,
        samples_available=4000,
        memorised_bits=300.0,
        seconds=1e-3 * parameters,
        back_end="native",
        device="cpu",
    )


def write_results(folder: Path, study: Path) -> None:
    """Every file that the rules declare for a cell; only the estimate has content."""
    results = Results(folder / "results")
    plan = load_file(study)
    settings = settings_id(plan.study.certificate)
    for planned in plan.cells:
        files = results.cell(planned.id)
        write_document(files.estimate, estimate_document(estimate(planned)))
        for path in (files.probes, files.endpoints, files.certificate(settings)):
            path.touch()
    for made in ("figures", "tables"):
        (results.study(plan.name).folder / made).mkdir(parents=True)
    touch(results.study(plan.name).folder, STUDY_FILES)
    touch(results.data("mnist-5k"), ("tensors.safetensors", "manifest.json"))


def touch(folder: Path, names: Iterable[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()


@dataclass(frozen=True)
class Use:
    """What a command used: wall and processor seconds, peak megabytes."""

    wall: float
    processor: float
    memory: float


def measured(folder: Path, *command: str) -> Use:
    """What a command used in the copy."""
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(folder / "workflow"),
    }
    with (folder / "said").open("wb") as said:
        begin = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=said, stderr=subprocess.STDOUT
        )
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begin
    if status:
        raise SystemExit(f"{command} failed:\n{(folder / 'said').read_text()[-2000:]}")
    return Use(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def bare(cells: int, folder: Path) -> Use:
    folder.mkdir()
    (folder / "Snakefile").write_text(BARE.format(cells=cells))
    return measured(folder, "snakemake", "--cores", "2", "--dry-run")


def run(cells: int, folder: Path) -> Iterator[tuple[str, Use]]:
    yield "bare workflow, snakemake -n", bare(cells, folder / "bare")
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy2
        copy(ROOT / part, folder / part)
    study = folder / "config/scale.yaml"
    write_study(study, cells)
    snakemake = ("snakemake", "--cores", "2", "--configfile", str(study))

    yield "emc validate", measured(folder, "emc", "validate", str(study))
    yield "snakemake -n, nothing measured", measured(folder, *snakemake, "--dry-run")
    write_results(folder, study)
    touched = measured(folder, *snakemake, "--touch", "--quiet", "rules")
    yield "snakemake --touch, all measured", touched
    yield "snakemake, nothing to do", measured(folder, *snakemake)
    yield "emc plan, all measured", measured(folder, "emc", "plan", str(study))
    write_study(study, cells, changed=1)
    yield "snakemake -n, one cell changed", measured(folder, *snakemake, "--dry-run")


def table(uses: dict[str, list[Use]]) -> Table:
    shown = Table("what", "wall, s", "processor, s", "peak, MB", box=None)
    for what, several in uses.items():
        columns = zip(*map(astuple, several), strict=True)
        shown.add_row(what, *(spread(values) for values in columns))
    return shown


def spread(values: Sequence[float]) -> str:
    return f"{median(values):.1f} ({min(values):.1f} to {max(values):.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--cells", type=int, default=10_000, help="about how many cells the study has"
    )
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    uses: dict[str, list[Use]] = {}
    for _ in range(arguments.repeats):
        with tempfile.TemporaryDirectory() as folder:
            for what, use in run(arguments.cells, Path(folder)):
                uses.setdefault(what, []).append(use)
    Console().print(table(uses))


if __name__ == "__main__":
    main()
