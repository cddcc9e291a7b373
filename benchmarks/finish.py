"""What a finish makes of runs that did not fit, and what it costs beside their training.

    python benchmarks/finish.py [--nets mlp-1-relu cnn-2-relu] [--steps 30000] [--roundings 0.01]
        [--runs 5] [--onward]

For each net, trains some runs of digits with random labels at each of eight sizes (SGD, momentum
0.9, rate 0.03, batches of 32), and finishes those that do not fit, once for each width over which
kinks are rounded off at first. One row per net and width: how many runs of each size fit by the
end, how many that do not fit stand at a minimum or are open, the share of runs decided at the sizes
where some run fits and some does not, and seconds of the process. `--onward` asks of those minima
whether they are any: how many a new finish from there fits, to a gradient of 1e-6 and with twenty
times the work.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from emc.data.prepare import prepare
from emc.data.samples import open_samples
from emc.engine import run_probes
from emc.engine.procedure import Procedure, Replica, TrainedRun
from emc.finish.settings import DEFAULT
from emc.measurement.finishing import Finishing, finishing
from emc.measurement.procedure import procedure
from emc.measurement.source import LabelledSamples, replica
from emc.records import Ended, Outcome
from emc.seeds import derive
from emc.study.cell import Cell

RATE, BATCH, SIZES = 0.03, 32, 8
ONWARD_GRADIENT, ONWARD_WORK = 1e-6, 20
NETS = {
    "mlp-1-relu": ({"name": "mlp", "depth": 1, "params": 985}, "relu", (120, 600)),
    "mlp-1-tanh": ({"name": "mlp", "depth": 1, "params": 985}, "tanh", (120, 600)),
    "mlp-1-gelu": ({"name": "mlp", "depth": 1, "params": 985}, "gelu", (120, 600)),
    "mlp-1-relu-2410": ({"name": "mlp", "depth": 1, "params": 2410}, "relu", (400, 1430)),
    "mlp-2-relu-2410": ({"name": "mlp", "depth": 2, "params": 2410}, "relu", (400, 1430)),
    "cnn-2-relu": ({"name": "cnn", "depth": 2, "params": 920}, "relu", (200, 900)),
    "cnn-2-tanh": ({"name": "cnn", "depth": 2, "params": 920}, "tanh", (200, 900)),
}


class Trained(NamedTuple):
    """Runs of one net, how they were trained, and the seconds that took."""

    finishing: Finishing
    runs: list[tuple[Replica, TrainedRun]]
    seconds: float


def trained(name: str, steps: int, each: int, folder: Path) -> Trained:
    """Train so many runs of each size of one net."""
    architecture, activation, (low, high) = NETS[name]
    cell = Cell.model_validate(
        {
            "dataset": {"name": "digits"},
            "labels": {"name": "random"},
            "architecture": architecture,
            "activation": activation,
            "optimizer": {"name": "sgd", "momentum": 0.9, "lr": [RATE]},
            "batch": {"size": BATCH},
            "budget": {"steps": steps},
        }
    )
    if not folder.exists():
        prepare(cell.dataset, folder, None)
    samples = open_samples(folder)
    source = LabelledSamples(samples, cell.labels)
    how: Procedure = procedure(cell, samples.shape, samples.classes)
    sizes = np.geomspace(low, high, SIZES).astype(int).tolist()
    replicas = [
        replica(source, n, RATE, derive("finish", n, run)) for n in sizes for run in range(each)
    ]
    began = process_time()
    runs = run_probes(how, replicas)
    seconds = process_time() - began
    after = finishing(how, source, cell.finish, None, "cpu")
    return Trained(after, list(zip(replicas, runs, strict=True)), seconds)


def row(name: str, made: Trained, rounding: float, *, onward: bool) -> tuple[str, ...]:
    """The finishes of one net with one width."""
    settings = replace(made.finishing.settings, rounding=rounding)
    after = replace(made.finishing, settings=settings)
    outcomes: dict[int, list[Outcome]] = {}
    minima: dict[int, list[tuple[Replica, TrainedRun]]] = {}
    seconds = []
    for each, run in made.runs:
        began = process_time()
        record, parameters = after.finished(each, run)
        if run.ended is not Ended.FIT:
            seconds.append(process_time() - began)
        fit = Outcome.FIT if run.ended is Ended.FIT else Outcome.DIVERGED
        outcome = record.outcome if record else fit
        outcomes.setdefault(each.n, []).append(outcome)
        if outcome is Outcome.MINIMUM:
            minima.setdefault(each.n, []).append((each, replace(run, parameters=parameters)))
    near = [each for n in _transition(outcomes) for each in minima.get(n, [])]
    return (
        name,
        f"{rounding:g}" if made.finishing.trained.layers is not None else "",
        *(
            "/".join(str(_count(outcomes[n], *wanted)) for n in outcomes)
            for wanted in ([Outcome.FIT, Outcome.FINISHED], [Outcome.MINIMUM], [Outcome.OPEN])
        ),
        decided([outcomes[n] for n in _transition(outcomes)]),
        f"{sum(fits_onward(after, *each) for each in near)} of {len(near)}" if onward else "",
        f"{made.seconds:.1f}",
        f"{sum(seconds):.1f}",
        f"{np.median(seconds):.2f} (to {max(seconds):.2f})" if seconds else "",
    )


def _count(outcomes: Sequence[Outcome], *wanted: Outcome) -> int:
    return sum(each in wanted for each in outcomes)


def _transition(outcomes: dict[int, list[Outcome]]) -> list[int]:
    """Sizes where some run fits and some does not."""
    return [
        n
        for n, those in outcomes.items()
        if 0 < _count(those, Outcome.FIT, Outcome.FINISHED) < len(those)
    ]


def fits_onward(after: Finishing, replica: Replica, run: TrainedRun) -> bool:
    """Whether a new finish from an end point fits, with more work and to a shorter gradient."""
    shorter = replace(after.settings, gradient=ONWARD_GRADIENT)
    more = replace(after, settings=shorter, effort=ONWARD_WORK * after.effort)
    record, _ = more.finished(replica, run)
    return record is not None and record.outcome is Outcome.FINISHED


def decided(by_size: Sequence[Sequence[Outcome]]) -> str:
    """The share of runs at minima among those that do not fit."""
    within = [outcome for outcomes in by_size for outcome in outcomes]
    minima, still = _count(within, Outcome.MINIMUM), _count(within, Outcome.OPEN)
    return f"{minima} of {minima + still}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--nets", nargs="+", choices=NETS, default=list(NETS))
    parser.add_argument("--steps", type=int, default=30_000)
    parser.add_argument("--runs", type=int, default=5, help="of each size")
    parser.add_argument("--onward", action="store_true")
    parser.add_argument("--roundings", type=float, nargs="+", default=[DEFAULT.rounding])
    asked = parser.parse_args()
    columns = ("net", "rounded", "fit, per size", "minimum", "open", "decided in the transition")
    seconds = ("training, s", "finishes, s", "a finish, s: median")
    table = Table(*columns, "of its minima fit onward", *seconds)
    with TemporaryDirectory() as folder:
        for name in asked.nets:
            made = trained(name, asked.steps, asked.runs, Path(folder) / "digits")
            for rounding in asked.roundings:
                table.add_row(*row(name, made, rounding, onward=asked.onward))
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
