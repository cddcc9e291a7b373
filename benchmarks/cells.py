"""The time of one EMC at equal precision: the usual way beside each back end's adaptive search.

    OMP_NUM_THREADS=1 python benchmarks/cells.py

The usual way is a DataLoader and torch.optim, and a bisection repeated until the standard error of
its mean equals the search's. Repetitions beyond those that were run are extrapolated from their
standard deviation, and the table says so. All seconds are the process's, on one thread: those of
the wall on an idle core. Kernels are built beforehand.
"""

import argparse
import math
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from statistics import mean, stdev
from time import process_time
from typing import Any

import numpy as np
import own_nets
import torch
from pydantic import TypeAdapter
from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_digits
from torch import nn
from usual import Usual, bisect

import emc
from emc.engine import Procedure, Update, choose
from emc.errors import EmcError
from emc.measurement.arrays import ArraySamples
from emc.measurement.finishing import finishing
from emc.measurement.measure import method, round_size
from emc.measurement.rounds import Assignment, run_rounds
from emc.measurement.source import LabelledSamples
from emc.measurement.unwritten import UnwrittenJournal
from emc.nets.build import net, size
from emc.nets.module import drawn
from emc.study.architectures import Architecture
from emc.study.labels import Labels
from emc.study.search import Search
from emc.study.training import Finish

RESOLUTION = 0.05
MOST_PROBES = 400
FEWEST = 4
"""Repeats that every row has, however long they take: fewer say nothing of the spread."""


SLOW_PROBES = 24
BY_VMAP = f"emc.measure by vmap, {SLOW_PROBES} probes"
FEWEST_SLOW = 1
"""Repeats of one's own net by torch, which take minutes each."""
Once = Callable[[int], tuple[float, int]]
"""From a seed to an EMC and the number of its probes."""


@dataclass(frozen=True)
class Case:
    """A cell: a net on random labels of a set of images, and how it is trained."""

    name: str
    inputs: np.ndarray
    architecture: dict[str, Any]
    activation: str
    lr: float
    epochs: int
    batch: int = 128
    adam: bool = False
    classes: int = 10
    initialisation: str = "scaled-normal"
    own: Callable[[], nn.Module] | None = None
    """One's own module, of the same net as the architecture if there is one."""

    @property
    def procedure(self) -> Procedure:
        """How the engine trains it."""
        entry = TypeAdapter(Architecture).validate_python(self.architecture)
        made = net(entry, self.activation, self.initialisation, self.inputs.shape[1:], self.classes)
        return Procedure(
            classes=self.classes,
            update=Update("adam") if self.adam else Update("sgd", momentum=0.9),
            layers=made if isinstance(made, tuple) else None,
            module=None if isinstance(made, tuple) else made,
            initialisation=self.initialisation,
            batch=self.batch,
            epochs=self.epochs,
        )

    @property
    def parameters(self) -> int:
        """How many there are."""
        return size(self.own or self.procedure.net)

    @property
    def usual(self) -> Usual:
        """The same net and samples in the usual loop."""
        fresh = self.own
        if fresh is None:
            layers, fresh = self.procedure.layers, self.procedure.module
            if layers is not None:
                fresh = partial(drawn, layers, self.initialisation)
        assert fresh is not None
        return Usual(
            fresh, self.inputs, self.classes, self.lr, self.epochs, self.batch, adam=self.adam
        )


def cases() -> dict[str, Case]:
    """Cells on scikit-learn's digits, 8 x 8 pixels."""
    images = load_digits().images[:, None]
    digits = np.ascontiguousarray((images - images.mean()) / images.std(), dtype=np.float32)
    mlp: dict[str, Any] = {"name": "mlp", "depth": 2, "width": 16}
    cnn: dict[str, Any] = {"name": "cnn", "depth": 2, "width": 8}
    small_cnn: dict[str, Any] = {"name": "cnn", "depth": 2, "width": 4}
    vit: dict[str, Any] = {"name": "vit", "depth": 1, "width": 16}
    return {
        "mlp-sgd": Case("MLP 64-16-16-10", digits, mlp, "relu", 0.05, 600),
        "mlp-sgd-32": Case("MLP 64-16-16-10", digits, mlp, "relu", 0.02, 300, 32),
        "mlp-adam": Case("MLP 64-16-16-10", digits, mlp, "relu", 0.01, 300, adam=True),
        "cnn-sgd-32": Case("CNN of 4 and 8 channels", digits, small_cnn, "relu", 0.02, 300, 32),
        "cnn-adam": Case("CNN of 8 and 16 channels", digits, cnn, "relu", 0.01, 100, adam=True),
        "vit-adam": Case("ViT, a block of 16", digits, vit, "gelu", 0.01, 50, adam=True),
        **_own(digits, mlp, small_cnn),
    }


def _own(digits: np.ndarray, mlp: dict[str, Any], cnn: dict[str, Any]) -> dict[str, Case]:
    """Modules of one's own; the first is that of the README."""
    points = np.random.default_rng(0).normal(size=(500, 12)).astype(np.float32)
    readme = {"name": "mlp", "depth": 1, "width": 8}
    block = "own transformer, torch's block of 16 over 8 tokens"
    found = {
        "own-readme": Case(
            "own MLP 12-8-3", points, readme, "relu", 0.01, 100, adam=True, own=own_nets.readme
        ),
        "own-mlp": Case("own MLP 64-16-16-10", digits, mlp, "relu", 0.1, 300, 32, own=own_nets.mlp),
        "own-cnn": Case("own CNN, 4 and 8", digits, cnn, "relu", 0.02, 100, 32, own=own_nets.cnn),
        "own-transformer": Case(block, digits, {}, "", 0.02, 100, 32, own=own_nets.Transformer),
    }
    as_torch = {name: replace(case, initialisation="torch") for name, case in found.items()}
    return as_torch | {"own-readme": replace(as_torch["own-readme"], classes=3)}


@dataclass(frozen=True)
class Measured:
    """Repeats of one way to the same cell's EMC."""

    seconds: list[float]
    emc50: list[float]
    probes: list[int]

    @property
    def error(self) -> float:
        """Standard deviation of the logarithm of a single estimate."""
        return float(stdev(np.log(self.emc50))) if len(self.emc50) > 1 else math.nan


def repeated(call: Once, repeats: int, seconds: float, fewest: int = FEWEST) -> Measured:
    """Call with seeds 0, 1, ..., until all together took so long."""
    measured = Measured([], [], [])
    for seed in range(repeats):
        if seed >= fewest and sum(measured.seconds) > seconds:
            break
        start = process_time()
        emc50, probes = call(seed)
        measured.seconds.append(process_time() - start)
        measured.emc50.append(emc50)
        measured.probes.append(probes)
        print(f"{measured.seconds[-1]:.2f} s, {probes} probes", file=sys.stderr, flush=True)
    return measured


def search(case: Case, back_end: str, tolerance: float) -> Once:
    """The search of a study, for the number within the budget."""
    samples = ArraySamples(case.inputs, np.arange(len(case.inputs)) % case.classes, case.classes)
    source = LabelledSamples(samples, TypeAdapter(Labels).validate_python("random"))
    procedure = case.procedure
    size = round_size(choose.back_end(procedure, "cpu", back_end), "cpu", procedure)
    unfinished = finishing(procedure, source, Finish(iterations=0), None, "cpu")

    def once(seed: int) -> tuple[float, int]:
        searching = method(
            Search(tolerance=tolerance, probes=MOST_PROBES),
            (case.lr,),
            source.available,
            size,
            unfinished.refused,
        )
        assignment = Assignment(
            *(f"own-{seed}", source, procedure, unfinished, searching),
            *(size, "cpu", back_end),
        )
        journal = UnwrittenJournal()
        answer = run_rounds(assignment, journal, lambda *_: None)
        return answer.emc50_budget, len(journal.probes)

    return once


def own(case: Case, back_end: str | None, tolerance: float, probes: int = MOST_PROBES) -> Once:
    """`emc.measure` on a module of one's own, for the number within the budget."""
    make = case.own
    assert make is not None
    optimizer = {"name": "adam"} if case.adam else {"name": "sgd", "momentum": 0.9}
    labels = np.arange(len(case.inputs)) % case.classes

    def once(seed: int) -> tuple[float, int]:
        found = emc.measure(
            make,
            (case.inputs, labels),
            labels="random",
            optimizer={**optimizer, "lr": case.lr},
            batch=case.batch,
            epochs=case.epochs,
            finish={"iterations": 0},
            aim="budget",
            tolerance=tolerance,
            probes=probes,
            seed=seed,
            back_end=back_end,
        )
        return found.emc50_budget, len(found.records)

    return once


def usual(case: Case, *, balanced: bool) -> Once:
    loop = replace(case.usual, balanced=balanced)

    def once(seed: int) -> tuple[float, int]:
        probes = 0

        def fits(n: int) -> bool:
            nonlocal probes
            probes += 1
            return loop.fits(n, 1000 * seed + probes)[0]

        found = bisect(fits, len(case.inputs), RESOLUTION)
        return found, probes

    return once


def rows(case: Case, asked: argparse.Namespace) -> list[list[str]]:
    searches = ways(case, asked)
    for name, once in searches.items():
        if name != BY_VMAP:
            once(0)  # builds what is built once
    searched = {}
    for name, once in searches.items():
        least = FEWEST_SLOW if name == BY_VMAP else FEWEST
        print(f"{case.name}, {name}", file=sys.stderr, flush=True)
        searched[name] = repeated(once, asked.repeats, asked.seconds, least)
    error = next(iter(searched.values())).error
    found = [_search_row(name, one) for name, one in searched.items()]
    for balanced in (False,) if case.own else (False, True):
        bisected = repeated(usual(case, balanced=balanced), asked.bisections, asked.seconds)
        found.append(_usual_row(balanced, bisected, error, searched))
    return found


def ways(case: Case, asked: argparse.Namespace) -> dict[str, Once]:
    """Searches to compare, the fastest first."""
    if case.own is None:
        names = [name for name in asked.back_ends if not _refused(case, name)]
        return {name: search(case, name, asked.tolerance) for name in names}
    found = {"emc.measure": own(case, None, asked.tolerance)}
    if case.architecture:
        found["a study's cell"] = search(case, "native", asked.tolerance)
    return found | {BY_VMAP: own(case, "vmap", asked.tolerance, SLOW_PROBES)}


def _refused(case: Case, name: str) -> bool:
    try:
        choose.back_end(case.procedure, "cpu", name)
    except EmcError:
        return True
    return False


def _search_row(name: str, one: Measured) -> list[str]:
    return [
        f"{name}, adaptive search",
        f"{mean(one.seconds):.3g} ({min(one.seconds):.3g} to {max(one.seconds):.3g})",
        f"{mean(one.probes):.0f}",
        _per_probe(one),
        f"{np.exp(np.mean(np.log(one.emc50))):.0f}",
        f"{one.error:.3f} of {len(one.emc50)}",
        "1",
        f"{mean(one.seconds):.3g}",
        "",
    ]


def _per_probe(one: Measured) -> str:
    return f"{sum(one.seconds) / sum(one.probes):.3g}"


def _usual_row(
    balanced: bool, one: Measured, error: float, searched: dict[str, Measured]
) -> list[str]:
    needed = max(1, math.ceil((one.error / error) ** 2))
    seconds = needed * mean(one.seconds)
    how = "measured" if needed <= len(one.seconds) else f"extrapolated from {len(one.seconds)}"
    gains = (f"{name} {seconds / mean(other.seconds):.0f}x" for name, other in searched.items())
    return [
        f"usual loop, {'balanced' if balanced else 'ragged'}, bisection",
        f"{mean(one.seconds):.3g} ({min(one.seconds):.3g} to {max(one.seconds):.3g})",
        f"{mean(one.probes):.0f}",
        _per_probe(one),
        f"{np.exp(np.mean(np.log(one.emc50))):.0f}",
        f"{one.error:.3f} of {len(one.emc50)}",
        f"{needed}, {how}",
        f"{seconds:.3g}",
        ", ".join(gains),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", nargs="+", default=list(cases()), choices=list(cases()))
    parser.add_argument("--back-ends", nargs="+", default=["native", "vmap"])
    parser.add_argument("--tolerance", type=float, default=0.05)
    parser.add_argument("--repeats", type=int, default=20, help="searches of each back end")
    parser.add_argument("--bisections", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=60, help="for a row's repeats, about")
    asked = parser.parse_args()
    if min(asked.repeats, asked.bisections) < FEWEST:
        parser.error(f"at least {FEWEST} repeats and {FEWEST} bisections")
    torch.set_num_threads(1)
    console = Console(width=160)
    console.print(f"random labels, to {asked.tolerance:.0%}; load {os.getloadavg()[0]:.1f}")
    for name in asked.cells:
        case = cases()[name]
        table = Table(
            *("way", "s a run, mean (least to most)", "probes", "s a probe", "emc50"),
            *("sd of log emc50", "runs for equal error", "s in all", "gain"),
        )
        table.title = (
            f"{case.name}, {case.parameters} parameters, {'adam' if case.adam else 'sgd'},"
            f" batches of {case.batch}, {case.epochs} epochs"
        )
        for row in rows(case, asked):
            table.add_row(*row)
        console.print(table)


if __name__ == "__main__":
    main()
