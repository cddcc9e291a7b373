"""What `emc plan` predicts of cells, and what they took: seconds of the process, and its memory.

    python benchmarks/cost.py --keep cost.csv [--sample 40] [--figure docs/figures/cost.svg]
    python benchmarks/cost.py --keep cost.csv --finished results --study config/paper-small.yaml

Cells of paper-small, demo and the ladder of budgets in `ladder.yaml`; `--sample` takes as many of
each study, by chance. Each cell is measured in a process of its own, all of which is counted but a
compiler's time. Each is a line of `--keep`, and a second run goes on after the last line.
"Corrected" is what is predicted once all others of the study have finished. Longer cells than
`--seconds` are left out, and told. With `--finished` none is measured: cells of `--study` that have
finished there took the seconds of their probes, times the share of a core that their job had, and
the memory that Snakemake noted.
"""

import argparse
import csv
import json
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import accumulate, chain, repeat, takewhile
from math import log
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

import altair as alt
import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table

from emc.data.lookup import open_study
from emc.data.prepare import prepare
from emc.figures.theme import config
from emc.measurement.calibrate import calibrate
from emc.measurement.expectation import expectation
from emc.measurement.kinds import paces_like
from emc.measurement.likeness import learnt
from emc.measurement.machine import known_paces
from emc.measurement.state import read_estimate
from emc.store.benchmarks import peak_megabytes
from emc.store.layout import Results
from emc.store.paces import Paces
from emc.study import PlannedCell, StudyPlan, load_file
from emc.study.identity import dataset_id

ROOT = Path(__file__).parents[1]
STUDIES = [
    ROOT / "config/paper-small.yaml",
    ROOT / "config/demo.yaml",
    ROOT / "benchmarks/ladder.yaml",
]


@dataclass(frozen=True)
class Row:
    """A cell: what was expected of it, and what it took."""

    study: str
    cell: str
    expected_seconds: float
    seconds: float
    expected_megabytes: float
    megabytes: float


ONE_CELL = """
import json, sys
from pathlib import Path
from time import process_time
from emc.measurement.job import measure
from emc.measurement.timing import held_megabytes
from emc.store.layout import Results
from emc.study.identity import from_canonical
measure(from_canonical(sys.stdin.read()), Results(Path(sys.argv[1])), device="cpu", back_end=None)
print(json.dumps([process_time(), held_megabytes()]))
"""
"""Measures the cell of standard input; prints its seconds and megabytes."""


def taken(cell: PlannedCell, data: Path, seconds: float) -> tuple[float, float] | None:
    """Seconds and megabytes of a cell; None where it takes longer on the wall than `seconds`."""
    with TemporaryDirectory() as name:
        (Path(name) / "data").symlink_to(data)
        try:
            done = subprocess.run(
                [sys.executable, "-P", "-c", ONE_CELL, name],
                input=cell.definition,
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=seconds,
                check=True,
            )
        except subprocess.TimeoutExpired:
            print(f"{cell.id}: left out, over {seconds:g} s", file=sys.stderr)
            return None
        found: list[float] = json.loads(done.stdout)
        return found[0], found[1]


def rows(chosen: list[tuple[str, PlannedCell]], folder: Path, seconds: float) -> Iterator[Row]:
    for dataset in {
        dataset_id(cell.cell.dataset): cell.cell.dataset for _, cell in chosen
    }.values():
        prepare(dataset, Results(folder).data(dataset_id(dataset)), None)
    paces = paces_of([cell for _, cell in chosen])
    for study, cell in chosen:
        expected = expectation(cell.cell, paces, "cpu")
        found = expected and taken(cell, folder / "data", seconds)
        if expected and found:
            yield Row(study, cell.id, expected.seconds, found[0], expected.megabytes, found[1])


def finished(file: Path, results: Path) -> list[Row]:
    """Cells of a study that have finished in a folder of results, by what is known of this machine.

    Starting is not noted there, and counts as expected.
    """
    study, places, paces = open_study(file, results), Results(results), known_paces("cpu")
    found = []
    for cell in study.cells:
        expected = expectation(cell.cell, paces, "cpu")
        job = places.benchmark("measure", cell.id)
        peak = peak_megabytes(job)
        if expected and peak and places.cell(cell.id).measured:
            seconds = read_estimate(places.cell(cell.id)).seconds * share_of_a_core(job)
            starting = paces_like(cell.cell, "cpu", paces)[0].starting
            found.append(
                Row(
                    study.name,
                    cell.id,
                    expected.seconds,
                    seconds + starting,
                    expected.megabytes,
                    peak,
                )
            )
    return found


def share_of_a_core(path: Path) -> float:
    """What a job had of a core, by Snakemake's samples: it notes the last one's processor time.

    They are 0.5, 1, 2, 4, 8, 15, 30, 30, ... seconds apart.
    """
    noted = pl.read_csv(path, separator="\t", null_values=["NA", "-"]).row(-1, named=True)
    waits = chain([0.5, 1, 2, 4, 8, 15], repeat(30))
    sampled = max(takewhile(lambda at: at <= noted["s"], accumulate(waits)), default=0.0)
    return min(noted["cpu_time"] / sampled, 1.0) if sampled and noted["cpu_time"] else 1.0


def paces_of(cells: list[PlannedCell]) -> Paces:
    began = process_time()
    paces, errors = calibrate([one.cell for one in cells], "cpu", lambda _: None)
    print(f"timing runs: {process_time() - began:.1f} s here, {errors}", file=sys.stderr)
    return paces


def sampled(sample: int | None) -> list[tuple[str, PlannedCell]]:
    """Cells of each study, in an order that leaves none to the end."""
    draw = random.Random(0)
    found = []
    for file in STUDIES:
        study = load_file(file)
        cells = list(study.cells)
        draw.shuffle(cells)
        found += [(study.name, cell) for cell in cells[:sample]]
    draw.shuffle(found)
    return found


def read(path: Path) -> list[Row]:
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [
            Row(row["study"], row["cell"], *(float(row[one.name]) for one in fields(Row)[2:]))
            for row in csv.DictReader(file)
        ]


def append(path: Path, row: Row) -> None:
    begins = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, [one.name for one in fields(Row)])
        if begins:
            writer.writeheader()
        writer.writerow(asdict(row))


def corrected(found: list[Row], cells: Sequence[PlannedCell]) -> list[float]:
    """Expected over taken where all other cells of a study correct it, the more the more alike."""
    expected = {row.cell: row.expected_seconds for row in found}
    taken = {row.cell: row.seconds for row in found}
    amounts = learnt(expected, taken, cells)
    return [amounts[row.cell] / row.seconds for row in found if row.cell in amounts]


def within(ratios: list[float], factor: float) -> str:
    return f"{np.mean([abs(log(ratio)) <= log(factor) for ratio in ratios]):.0%}"


def table(found: list[Row], studies: Sequence[StudyPlan]) -> Table:
    """A row for each study of which cells are kept; those that are known are corrected."""
    known = {one.name: one.cells for one in studies}
    shown = Table("study", "cells", "time within 2", "corrected", "in all, s", "memory within 1.5")
    for study in sorted({row.study for row in found}):
        own = [row for row in found if row.study == study]
        expected, spent = sum(row.expected_seconds for row in own), sum(row.seconds for row in own)
        others = study in known and len(own) > 1
        shown.add_row(
            study,
            str(len(own)),
            within([row.expected_seconds / row.seconds for row in own], 2),
            within(corrected(own, known[study]), 2) if others else "",
            f"{expected:.0f} expected, {spent:.0f} taken",
            within([row.expected_megabytes / row.megabytes for row in own], 1.5),
        )
    if unknown := sorted({row.study for row in found} - known.keys()):
        shown.caption = f"not corrected without its file, which --study gives: {', '.join(unknown)}"
    return shown


def draw(found: list[Row], path: Path) -> None:
    """Expected against taken, on the line where both are equal and within a factor of two."""
    points = pl.DataFrame([asdict(row) for row in found])
    ends = [pick(row.seconds for row in found) for pick in (min, max)]
    lines = pl.DataFrame(
        [
            {"seconds": end, "expected_seconds": end * times, "times": times}
            for times in (0.5, 1.0, 2.0)
            for end in ends
        ]
    )
    x = alt.X("seconds", title="seconds that a cell took").scale(type="log")
    y = alt.Y("expected_seconds", title="seconds expected").scale(type="log")
    line = (
        alt.Chart(lines).mark_line(color="gray", strokeDash=[2, 2]).encode(x, y, detail="times:N")
    )
    cells = (
        alt.Chart(points).mark_circle(size=40).encode(x, y, color=alt.Color("study", title=None))
    )
    chart = (line + cells).properties(width=320, height=320).configure(**config())
    chart.save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", type=Path, default=Path("cost.csv"))
    parser.add_argument("--sample", type=int, help="cells of each study (all)")
    parser.add_argument("--seconds", type=float, default=3600, help="most of a cell, on the wall")
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--finished", type=Path, help="a folder of results, in place of measuring")
    parser.add_argument("--study", type=Path, help="the study that has cells there")
    asked = parser.parse_args()
    known = {(row.study, row.cell) for row in read(asked.keep)}
    if asked.finished:
        for row in finished(asked.study, asked.finished):
            if (row.study, row.cell) not in known:
                append(asked.keep, row)
    sample = 0 if asked.finished else asked.sample
    left = [one for one in sampled(sample) if (one[0], one[1].id) not in known]
    with TemporaryDirectory() as folder:
        for row in rows(left, Path(folder), asked.seconds) if left else ():
            append(asked.keep, row)
            print(f"{row.cell}: {row.expected_seconds:.1f} s, {row.seconds:.1f}", file=sys.stderr)
    found = read(asked.keep)
    files = dict.fromkeys([*STUDIES, *([asked.study.resolve()] if asked.study else [])])
    Console(width=120).print(table(found, [load_file(file) for file in files]))
    if asked.figure:
        draw(found, asked.figure)


if __name__ == "__main__":
    main()
