"""Both numbers of a few cells against the training budget: does the one at minima settle?

    python benchmarks/budget.py [--cells ladder] [--budgets 300 3000 30000] [--work 1]
        [--probes 100] [--cores 2] [--figure FILE.svg]

Writes a study with one section per budget into `results/budget-ladder.yaml` and runs snakemake on
it; a run that was stopped goes on with what is missing. The ladder is MLPs and a CNN on digits with
random labels, ReLU and tanh; `--cells shallow` takes those of one hidden layer and `--cells deep`
the others, `--cells narrow` the smallest, with GELU beside ReLU and tanh, `--cells variety` ten
cells that differ in all that a study can set. A finish may take as many passes at every budget, so
that the budget alone differs; `--work 1 4` measures with so many times them, to see whether the
number at minima moves with the work of finishes. Then prints a table and draws both numbers with
their 95 % intervals against the budget, one panel per cell.
"""

import argparse
import subprocess
from itertools import product
from pathlib import Path
from typing import Any

import altair as alt
import polars as pl
import yaml
from rich.console import Console
from rich.table import Table

from emc.figures.theme import config
from emc.warehouse import open_database

ROOT = Path(__file__).parents[1]
EFFORT, STEPS = 30, 30_000
"""A finish may take this many times the gradients of so many steps, at any budget."""
_MLP = {"name": "mlp", "depth": 1, "params": 985}
LADDER: list[dict[str, Any]] = [
    {"architecture": net, "activation": activation}
    for net in (
        _MLP,
        {"name": "mlp", "depth": 1, "params": 2410},
        {"name": "mlp", "depth": 2, "params": 2410},
        {"name": "cnn", "depth": 2, "params": 920},
    )
    for activation in ("relu", "tanh")
]
VARIETY: list[dict[str, Any]] = [
    {"labels": "original", "architecture": {"name": "mlp", "depth": 1, "params": 400}},
    {"labels": {"name": "noisy", "fraction": 0.2}},
    {"labels": {"name": "random", "classes": 2}, "architecture": {**_MLP, "params": 500}},
    {"labels": "random-inputs", "activation": "silu"},
    {"optimizer": {"name": "adam", "lr": [0.0003, 0.001, 0.003]}, "activation": "gelu"},
    {"optimizer": {"name": "sgd", "momentum": 0.9, "lr": [0.01, 0.03], "weight_decay": 1e-3}},
    {"batch": {"size": 128}, "activation": "leaky-relu"},
    {
        "loss": "squared-error",
        "optimizer": {"name": "sgd", "momentum": 0.9, "lr": [0.03, 0.1, 0.3]},
    },
    {"dataset": "mnist-5k", "architecture": {"name": "mlp", "depth": 1, "params": 4000}},
    {"dataset": {"name": "gaussian", "dimension": 20, "samples": 4000}, "activation": "tanh"},
]
NARROW: list[dict[str, Any]] = [
    {"architecture": _MLP, "activation": activation} for activation in ("relu", "tanh", "gelu")
]
CELLS = {
    "ladder": LADDER,
    "shallow": LADDER[:4],
    "deep": LADDER[4:],
    "narrow": NARROW,
    "variety": VARIETY,
}
DEFAULTS = {
    "dataset": "digits",
    "labels": "random",
    "architecture": _MLP,
    "optimizer": {"name": "sgd", "momentum": 0.9, "lr": [0.01, 0.03, 0.1]},
    "batch": {"size": 32},
    "endpoints": 1,
}
APART = [
    *("dataset", "labels", "classes", "architecture", "depth", "parameters", "activation"),
    *("optimizer", "weight_decay", "loss", "batch"),
]
"""Columns that name a cell where cells differ in them."""
QUERY = f"""
SELECT {", ".join(APART)}, budget_steps AS steps, emc50, low, high,
  emc50_budget, low_budget, high_budget, unfitted_decided, best_lr, rate_at_edge,
  probes, finished, minimum, open,
  (definition::JSON->'finish'->>'effort')::DOUBLE * greatest(steps, {STEPS}) / {EFFORT * STEPS}
    AS work
FROM emc WHERE status = 'measured' ORDER BY {", ".join(APART)}, work, steps
"""


def study(name: str, cells: list[dict[str, Any]], asked: argparse.Namespace) -> str:
    """The study file, one section per budget and work of a finish."""
    defaults = {**DEFAULTS, "search": {"tolerance": 0.1, "probes": asked.probes}}
    sections = {
        f"steps-{steps}-work-{work:g}": {
            "cells": [
                {**cell, "budget": {"steps": steps}, "finish": {"effort": work * _effort(steps)}}
                for cell in cells
            ]
        }
        for steps, work in product(asked.budgets, asked.work)
    }
    return yaml.safe_dump({"study": name, "defaults": defaults, "sections": sections})


def _effort(steps: int) -> float:
    """That work, over the gradients that effort is measured by."""
    return EFFORT * STEPS / max(steps, STEPS)


def named(cells: pl.DataFrame) -> pl.DataFrame:
    """Cells with a name of what sets them apart."""
    apart = [column for column in (*APART, "work") if cells[column].n_unique() > 1]
    return cells.with_columns(name=pl.concat_str(apart, separator=", ", ignore_nulls=True))


def table(cells: pl.DataFrame) -> Table:
    """One row per cell and budget."""
    numbers = ("at minima", "within the budget", "decided", "best rate")
    shown = Table("cell", "steps", "work", *numbers, "probes", "finished", "minima", "open")
    for row in cells.iter_rows(named=True):
        decided = row["unfitted_decided"]
        shown.add_row(
            row["name"],
            f"{row['steps']:,}",
            f"{row['work']:g}",
            _interval(row["emc50"], row["low"], row["high"]),
            _interval(row["emc50_budget"], row["low_budget"], row["high_budget"]),
            "" if decided is None else f"{decided:.0%}",
            f"{row['best_lr']:g}{', at an edge' if row['rate_at_edge'] else ''}",
            *(str(row[count]) for count in ("probes", "finished", "minimum", "open")),
        )
    return shown


def _interval(*numbers: float | None) -> str:
    middle, low, high = ("-" if number is None else f"{number:.0f}" for number in numbers)
    return f"{middle} [{low}, {high}]"


def chart(cells: pl.DataFrame) -> alt.FacetChart:
    """One panel per cell: both numbers against the budget, but where only an upper end is known."""
    ends = {"emc50": "emc50", "low": "low", "high": "high"}
    both = [
        cells.select("name", "steps", *ends, number=pl.lit("at minima")),
        cells.select(
            "name",
            "steps",
            *(pl.col(f"{name}_budget").alias(name) for name in ends),
            number=pl.lit("within the budget"),
        ),
    ]
    steps = alt.Axis(values=sorted(set(cells["steps"])), grid=False)
    x = alt.X("steps:Q", title="optimizer steps", axis=steps).scale(type="log")
    y = alt.Y("emc50:Q", title="samples fitted").scale(type="log")
    base = alt.Chart().encode(x=x, color=alt.Color("number:N", title=None))
    layers = alt.layer(
        base.mark_rule().encode(y=alt.Y("low:Q"), y2="high:Q"),
        base.mark_line(point=True).encode(y=y),
        data=pl.concat(both).drop_nulls("low"),
    )
    panels = layers.properties(width=220, height=160).facet(
        alt.Facet("name:N", title=None), columns=2
    )
    return panels.resolve_scale(y="independent").configure(**config())  # type: ignore[no-any-return]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--cells", choices=CELLS, default="ladder")
    parser.add_argument("--budgets", type=int, nargs="+", default=[300, 3000, 30_000, 300_000])
    parser.add_argument("--work", type=float, nargs="+", default=[1.0])
    parser.add_argument("--probes", type=int, default=100)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--figure", type=Path)
    asked = parser.parse_args()
    name = f"budget-{asked.cells}"
    file = ROOT / f"results/{name}.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(study(name, CELLS[asked.cells], asked))
    database = Path(f"results/studies/{name}/emc.duckdb")
    command = ["snakemake", "--cores", str(asked.cores), "--quiet", "--configfile", str(file)]
    subprocess.run([*command, "--", str(database)], cwd=ROOT, check=True)
    with open_database(ROOT / database) as warehouse:
        cells = named(warehouse.sql(QUERY))
    Console(width=150).print(table(cells))
    if asked.figure:
        chart(cells).save(asked.figure)


if __name__ == "__main__":
    main()
