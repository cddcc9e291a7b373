"""Both numbers of a few nets against the training budget: does the one at minima settle?

    python benchmarks/budget.py [--budgets 300 3000 30000] [--cores 2] [--figure FILE.svg]

Writes a study of digits with random labels, one section per budget, into `results/budget.yaml` and
runs snakemake on it; a run that was stopped goes on with what is missing. A finish may take as many
passes at every budget, so that the budget alone differs. Then prints a table and draws both numbers
with their 95 % intervals against the budget, one panel per net.
"""

import argparse
import subprocess
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
STUDY = ROOT / "results/budget.yaml"
DATABASE = ROOT / "results/studies/budget/emc.duckdb"
GRADIENTS = 10 * 30_000
"""A finish may take this many times the gradients of one step, at any budget."""
NETS = [
    {"name": "mlp", "depth": 1, "params": 985},
    {"name": "mlp", "depth": 1, "params": 2410},
    {"name": "mlp", "depth": 2, "params": 2410},
    {"name": "cnn", "depth": 2, "params": 920},
]
DEFAULTS = {
    "dataset": "digits",
    "labels": "random",
    "optimizer": {"name": "sgd", "momentum": 0.9, "lr": [0.01, 0.03, 0.1]},
    "batch": {"size": 32},
    "search": {"tolerance": 0.1, "probes": 100},
    "endpoints": 1,
}
QUERY = """
SELECT architecture, depth, parameters, activation, budget_steps AS steps, emc50, low, high,
  emc50_budget, low_budget, high_budget, unfitted_decided, open_matters, best_lr, rate_at_edge,
  probes, seconds
FROM emc WHERE status = 'measured' ORDER BY architecture DESC, depth, parameters, activation, steps
"""


def study(nets: list[dict[str, Any]], activations: list[str], budgets: list[int]) -> str:
    """The study file, one section per budget."""
    sections = {
        f"steps-{steps}": {
            "grid": {
                "architecture": nets,
                "activation": activations,
                "budget": [{"steps": steps}],
                "finish": [{"effort": GRADIENTS / steps}],
            }
        }
        for steps in budgets
    }
    return yaml.safe_dump({"study": "budget", "defaults": DEFAULTS, "sections": sections})


def table(cells: pl.DataFrame) -> Table:
    """One row per net and budget."""
    shown = Table(
        "net", "steps", "at minima", "within the budget", "decided", "best rate", "probes"
    )
    for row in cells.iter_rows(named=True):
        decided = row["unfitted_decided"]
        shown.add_row(
            _net(row),
            f"{row['steps']:,}",
            _interval(row["emc50"], row["low"], row["high"]),
            _interval(row["emc50_budget"], row["low_budget"], row["high_budget"]),
            "" if decided is None else f"{decided:.0%}",
            f"{row['best_lr']:g}{', at an edge' if row['rate_at_edge'] else ''}",
            str(row["probes"]),
        )
    return shown


def _net(row: dict[str, Any]) -> str:
    return f"{row['architecture']} {row['depth']}, {row['parameters']}, {row['activation']}"


def _interval(*numbers: float | None) -> str:
    middle, low, high = ("-" if number is None else f"{number:.0f}" for number in numbers)
    return f"{middle} [{low}, {high}]"


def chart(cells: pl.DataFrame) -> alt.FacetChart:
    """One panel per net: both numbers against the budget, but those that only have an upper end."""
    nets = cells.with_columns(net=pl.Series([_net(row) for row in cells.iter_rows(named=True)]))
    ends = {"emc50": "emc50", "low": "low", "high": "high"}
    both = [
        nets.select("net", "steps", *ends, number=pl.lit("at minima")),
        nets.select(
            "net",
            "steps",
            *(pl.col(f"{name}_budget").alias(name) for name in ends),
            number=pl.lit("within the budget"),
        ),
    ]
    steps = alt.Axis(values=sorted(set(nets["steps"])), grid=False)
    x = alt.X("steps:Q", title="optimizer steps", axis=steps).scale(type="log")
    y = alt.Y("emc50:Q", title="samples fitted").scale(type="log")
    base = alt.Chart().encode(x=x, color=alt.Color("number:N", title=None))
    layers = alt.layer(
        base.mark_rule().encode(y=alt.Y("low:Q"), y2="high:Q"),
        base.mark_line(point=True).encode(y=y),
        data=pl.concat(both).drop_nulls("low"),
    )
    panels = layers.properties(width=220, height=160).facet(
        alt.Facet("net:N", title=None), columns=2
    )
    return panels.resolve_scale(y="independent").configure(**config())  # type: ignore[no-any-return]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--budgets", type=int, nargs="+", default=[300, 3000, 30_000, 300_000])
    parser.add_argument("--activations", nargs="+", default=["relu", "tanh"])
    parser.add_argument(
        "--nets", type=int, default=len(NETS), help="number of nets, from the first"
    )
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--figure", type=Path)
    asked = parser.parse_args()
    STUDY.parent.mkdir(exist_ok=True)
    STUDY.write_text(study(NETS[: asked.nets], asked.activations, asked.budgets))
    command = ["snakemake", "--cores", str(asked.cores), "--quiet", "--configfile", str(STUDY)]
    subprocess.run([*command, "--", str(DATABASE.relative_to(ROOT))], cwd=ROOT, check=True)
    with open_database(DATABASE) as warehouse:
        cells = warehouse.sql(QUERY)
    Console(width=120).print(table(cells))
    if asked.figure:
        chart(cells).save(asked.figure)


if __name__ == "__main__":
    main()
