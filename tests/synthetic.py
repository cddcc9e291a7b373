"""A made-up study of any size, written by the writers of the real one.

Every net fits a share of its parameters that depends on its family, optimizer, activation and
labels, so that tests know the truth that the numbers scatter around.
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np

from emc.data.equality import EqualInputs
from emc.data.manifest import Manifest, OriginalFile, write_manifest
from emc.records import (
    Certificate,
    Ended,
    Estimate,
    Finish,
    FirstOrderTest,
    Milestone,
    Outcome,
    Probe,
    RateEstimate,
    Run,
    Verdict,
)
from emc.seeds import derive, generator
from emc.store.columns import CELLS, CERTIFICATES, GENERALISATION, PROBES
from emc.store.documents import write_document
from emc.store.layout import Results
from emc.store.plan import plan_row
from emc.store.rows import certificate_row, estimate_document, probe_row
from emc.store.tables import write_table
from emc.study import Cell, PlannedCell, cell_id
from emc.study.identity import canonical, dataset_definition, dataset_id

SETTINGS: Final = "abcd1234"
WIDTH: Final = 1.4
BUDGET: Final = 0.8
"""What nets fit within their budgets, of what they fit at minima."""

ARCHITECTURE: Final = {"mlp": 0.20, "cnn": 0.35, "linear": 1.0}
OPTIMIZER: Final = {"sgd": 1.0, "gd": 0.6, "adam": 0.9, "adamw": 0.9, "sam": 1.0}
ACTIVATION: Final = {"relu": 1.0, "tanh": 0.8, "sigmoid": 0.5}
_RANDOM: Final = Cell.model_validate(
    {"dataset": "digits", "labels": "random", "architecture": "linear"}
).labels
LABELS: Final = {"original": 1.6, "noisy": 1.2, "random": 1.0, "random-inputs": 1.1}


@dataclass(frozen=True)
class SyntheticStudy:
    """Where a made-up study lies and what it plans."""

    results: Results
    name: str
    planned: tuple[PlannedCell, ...]

    @property
    def cells(self) -> Path:
        """The plan."""
        return self.results.study(self.name).cells

    @property
    def database(self) -> Path:
        """Where its database belongs."""
        return self.results.study(self.name).database


def truth(cell: Cell) -> float:
    """The emc50 that the probes of a cell scatter around."""
    share = (
        ARCHITECTURE[cell.architecture.name]
        * OPTIMIZER[cell.optimizer.name]
        * ACTIVATION.get(cell.activation, 1.0)  # type: ignore[arg-type]
        * LABELS[cell.labels.name]
    )
    luck = generator("luck", *_told_apart(cell)).normal(0, 0.08)
    return float(share * cell.parameters**0.97 * math.exp(luck))


def _told_apart(cell: Cell) -> tuple[object, ...]:
    """What sets cells of these studies apart: ids change with every default."""
    net = cell.architecture
    return (
        *(net.name, getattr(net, "width", 0), cell.activation, cell.optimizer.name),
        *(cell.labels.name, cell.seed),
    )


def factorial(**factors: list[Any]) -> list[Cell]:
    """Cells with every combination of the values given for their keys."""
    defaults: dict[str, Any] = {
        "dataset": "mnist-5k",
        "labels": "random",
        "architecture": {"name": "mlp", "width": 4, "depth": 2},
    }
    combined = product(*factors.values())
    return [
        Cell.model_validate({**defaults, **dict(zip(factors, values, strict=True))})
        for values in combined
    ]


def full_study() -> list[Cell]:
    """Cells that vary every factor the figures look at."""
    nets = [{"name": "mlp", "width": width, "depth": 2} for width in (1, 2, 4)]
    nets += [{"name": "cnn", "width": width, "depth": 2} for width in (2, 3, 6)]
    nets.append({"name": "linear"})
    return [
        *factorial(architecture=nets, labels=["original", "random"], seed=[0, 1]),
        *factorial(optimizer=["gd", "adam"], labels=["original", "random"], seed=[0, 1]),
        *factorial(activation=["tanh", "sigmoid"], labels=["original", "random"], seed=[0, 1]),
    ]


def write_study(
    folder: Path,
    cells: list[Cell],
    *,
    name: str = "made-up",
    unmeasured: int = 0,
    uncertified: int = 0,
    probes: int = 48,
) -> SyntheticStudy:
    """Plan all cells and write results for all but the last `unmeasured` of them."""
    results = Results(folder)
    planned = tuple(
        PlannedCell(cell_id(cell), cell, canonical(cell), (f"by-{cell.labels.name}",))
        for cell in cells
    )
    study = SyntheticStudy(results, name, planned)
    write_table(study.cells, CELLS, map(plan_row, planned))
    for dataset in {dataset_id(cell.dataset): cell.dataset for cell in cells}.values():
        write_dataset(results, dataset)
    measured = planned[: len(planned) - unmeasured]
    for index, plan in enumerate(measured):
        certify = index < len(measured) - uncertified
        write_cell(results, plan.id, plan.cell, probes=probes, certify=certify)
    return study


def write_dataset(results: Results, dataset: Any) -> None:
    """Write the manifest of a data set with two duplicates, one of them in conflict."""
    shape, classes, samples = dataset.facts
    equal = EqualInputs(samples, duplicates=2, conflicts=1, pairs=2, conflicting_pairs=1)
    manifest = Manifest(
        name=dataset.name,
        dataset=json.loads(dataset_definition(dataset)),
        origin="made up",
        licence="CC0",
        files=(OriginalFile("made-up.csv", 1, "d41d8cd98f00b204e9800998ecf8427e"),),
        split="none",
        preprocessing="none",
        shape=shape,
        dtype="float32",
        columns=(),
        shift=(0.0,),
        scale=(1.0,),
        samples=samples,
        test_samples=0,
        classes=classes,
        class_names=tuple(map(str, range(classes))),
        notes=(),
        trees=(),
        class_counts=(samples,) * classes,
        equal_inputs=equal,
        original_equal_inputs=equal,
        tensor_bytes=0,
        sha256="e3b0c44298fc1c149afbf4c8996fb924",
    )
    write_manifest(results.data(dataset_id(dataset)), manifest)


GENERALISATION_SEEDS: Final = 2


def write_generalisation(study: SyntheticStudy) -> None:
    """Write runs on all training samples: the more EMC tells labels apart, the smaller the gap."""
    labels = [plan for plan in study.planned if plan.cell.labels.name == "original"]
    for plan in labels:
        random = plan.cell.model_copy(update={"labels": _RANDOM})
        advantage = math.log(truth(plan.cell) / truth(random))
        draw = generator("generalisation", *_told_apart(plan.cell))
        gaps = [0.5 - 0.4 * advantage + draw.normal(0, 0.002) for _ in range(GENERALISATION_SEEDS)]
        path = study.results.cell(plan.id).generalisation(GENERALISATION_SEEDS)
        rows = (_generalisation(plan, seed, gap) for seed, gap in enumerate(gaps))
        write_table(path, GENERALISATION, rows)


def _generalisation(plan: PlannedCell, seed: int, gap: float) -> dict[str, Any]:
    return {
        "cell": plan.id,
        "seed": seed,
        "lr": plan.cell.optimizer.lr[0],
        "n": plan.cell.dataset.facts.samples,
        "train_accuracy": 1.0,
        "train_loss": 0.01,
        "test_samples": 1000,
        "test_accuracy": 1.0 - gap,
        "test_loss": 0.5,
        "gap": gap,
        "ended": "fit",
        "epochs": 30,
        "seconds": 1.0,
        "back_end": "native",
        "device": "cpu",
    }


def write_cell(
    results: Results, identity: str, cell: Cell, *, probes: int = 48, certify: bool = True
) -> None:
    """Write all result files of one cell."""
    files = results.cell(identity)
    runs = list(_probes(identity, cell, probes))
    write_table(files.probes, PROBES, map(probe_row, runs))
    write_document(files.estimate, estimate_document(_estimate(identity, cell, runs)))
    if certify:
        rows = map(certificate_row, _certificates(identity, cell, runs))
        write_table(files.certificate(SETTINGS), CERTIFICATES, rows)


def around(emc50: float) -> dict[str, float]:
    """An emc50 and an interval around it, to edit an estimate with."""
    return {"emc50": emc50, "low": emc50 * 0.955, "high": emc50 * 1.045}


def edit_document(path: Path, changes: Mapping[str, Any]) -> None:
    """Overwrite values of a JSON document."""
    write_document(path, json.loads(path.read_text()) | dict(changes))


def _rate_factor(cell: Cell, rate: float) -> float:
    best = cell.optimizer.lr[len(cell.optimizer.lr) // 2]
    return math.exp(-0.15 * abs(math.log(rate / best)))


def _probes(identity: str, cell: Cell, count: int) -> Iterator[Probe]:
    draw = generator("probes", identity)
    available = cell.dataset.facts.samples
    scale = math.log(WIDTH) / (2 * math.log(9))
    for index in range(count):
        first = index < 8
        rates = cell.optimizer.lr
        rate = rates[index % len(rates)] if first else rates[len(rates) // 2]
        centre = math.log(truth(cell) * _rate_factor(cell, rate))
        spread = 1.0 if first else 1.5 * scale
        n = int(np.clip(math.exp(centre + draw.normal(0, spread)), 1, available))
        fit = draw.random() < 1 / (1 + math.exp((math.log(n) - centre) / scale))
        yield _probe(identity, cell, index, n=n, rate=rate, fit=bool(fit), draw=draw)


def _probe(
    identity: str,
    cell: Cell,
    index: int,
    *,
    n: int,
    rate: float,
    fit: bool,
    draw: np.random.Generator,
) -> Probe:
    epochs = int(draw.integers(20, 120)) if fit else 300
    steps = epochs * max(1, n // cell.batch.size)
    accuracy = 1.0 if fit else float(1 - max(1, draw.poisson(0.04 * n)) / n) if n > 1 else 0.0
    loss = float(0.02 * draw.random() if fit else 0.2 + 0.3 * draw.random())
    diverged = not fit and draw.random() < 0.05
    trace = np.unique(np.geomspace(1, epochs, 12).astype(int))
    decay = loss + 2.2 * np.exp(-5 * trace / epochs)
    early = Milestone(epochs // 2, steps // 2)
    never = Milestone(None, None)
    run = Run(
        ended=Ended.FIT if fit else Ended.DIVERGED if diverged else Ended.BUDGET,
        epochs=epochs,
        steps=steps,
        gradient_evaluations=steps * min(n, cell.batch.size),
        milestones=(
            early,
            early if fit else never,
            early if fit else never,
            Milestone(epochs, steps) if fit else never,
        ),
        accuracy=max(accuracy, 0.0),
        loss=math.inf if diverged else loss,
        gradient_norm=math.inf if diverged else loss / 30,
        plateau=math.inf if diverged else loss / 100,
        memorised_bits=n * math.log2(cell.classes) * (0.98 if fit else 0.7),
        back_end="native",
        seconds=1e-7 * steps * cell.parameters,
        trace_epochs=tuple(int(epoch) for epoch in trace),
        trace_losses=tuple(float(value) for value in decay),
    )
    return Probe(
        cell=identity,
        round=index // 8,
        replica=index % 8,
        seed=derive(identity, index),
        n=n,
        lr=rate,
        device="cpu",
        run=run,
        finish=_finish(run, draw) if run.ended is Ended.BUDGET else None,
    )


def _finish(run: Run, draw: np.random.Generator) -> Finish:
    """Most unfitted runs are at a minimum, some merely unfinished, some open."""
    outcome = (Outcome.MINIMUM, Outcome.FINISHED, Outcome.OPEN)[draw.choice(3, p=(0.7, 0.1, 0.2))]
    finished, test = outcome is Outcome.FINISHED, FirstOrderTest.GRADIENT
    return Finish(
        outcome=outcome,
        test=None if finished else test,
        reason=_FINISHES[outcome],
        iterations=int(draw.integers(100, 2000)),
        escapes=0,
        kinks=int(draw.integers(0, 20)),
        accuracy=1.0 if finished else run.accuracy,
        loss=run.loss / 2,
        gradient_norm=1e-2 if outcome is Outcome.OPEN else 1e-4,
        seconds=0.1,
    )


_FINISHES: Final = {
    Outcome.MINIMUM: "the gradient vanishes",
    Outcome.FINISHED: "it fits",
    Outcome.OPEN: "its iterations ran out",
}


def _estimate(identity: str, cell: Cell, runs: list[Probe]) -> Estimate:
    draw = generator("estimate", identity)
    exact = truth(cell)
    facts = cell.dataset.facts
    assert facts is not None
    assert facts.samples is not None
    available = facts.samples
    saturated = exact > available
    emc50 = min(exact * math.exp(draw.normal(0, 0.005)), available)
    rates = cell.optimizer.lr
    best = rates[len(rates) // 2]
    return Estimate(
        cell=identity,
        method=cell.search.method,
        emc50=emc50,
        low=emc50 * 0.955,
        high=emc50 * 1.045,
        width=WIDTH,
        emc50_budget=emc50 * BUDGET,
        low_budget=emc50 * BUDGET * 0.955,
        high_budget=emc50 * BUDGET * 1.045,
        low_any_curve=emc50 * 0.94,
        high_any_curve=emc50 * 1.06,
        one_curve=True,
        misfit=None,
        unfitted_decided=_decided(runs),
        open_matters=False,
        emc_walk=None,
        saturated=saturated,
        below_smallest=False,
        tolerance=cell.search.tolerance,
        tolerance_reached=not saturated,
        best_lr=best,
        rate_at_edge=None,
        rates=tuple(
            RateEstimate(
                lr=rate,
                emc50=emc50 * _rate_factor(cell, rate),
                low=emc50 * _rate_factor(cell, rate) * 0.8,
                high=emc50 * _rate_factor(cell, rate) * 1.25,
                probes=sum(run.lr == rate for run in runs),
            )
            for rate in rates
        ),
        probes=len(runs),
        rounds=runs[-1].round + 1,
        parameters=cell.parameters,
        classes=cell.classes,
        samples_available=available,
        memorised_bits=max(run.run.memorised_bits for run in runs),
        seconds=sum(run.run.seconds for run in runs),
        back_end="native",
        device="cpu",
        software="emc 0.1.0, python 3.11.7",
    ).within_data


def _decided(runs: list[Probe]) -> float | None:
    unfitted = [run for run in runs if not run.outcome.fits_at_minimum]
    decided = sum(run.outcome.fits_at_minimum is False for run in unfitted)
    return decided / len(unfitted) if unfitted else None


_REASONS: Final = {
    Verdict.MINIMUM: "gradient, plateau and curvature agree: no eigenvalue below -eps lambda_max",
    Verdict.FITTED: "cross-entropy has no finite minimiser at a perfect fit",
    Verdict.SADDLE: "a Ritz value lies below -eps lambda_max by more than its residual",
    Verdict.UNCONVERGED: "the gradient norm exceeds its threshold",
}


def _certificates(identity: str, cell: Cell, runs: list[Probe]) -> Iterator[Certificate]:
    draw = generator("certificates", identity)
    best = cell.optimizer.lr[len(cell.optimizer.lr) // 2]
    kept = [run for run in runs if run.lr == best and run.outcome is not Outcome.DIVERGED]
    fits = [run for run in kept if run.outcome.fits_at_minimum][:3]
    unfitted = [run for run in kept if not run.outcome.fits_at_minimum][:3]
    saddle = 0.5 if cell.optimizer.name == "gd" else 0.15
    for run in (*fits, *unfitted):
        verdict = Verdict.FITTED if run.outcome.fits_at_minimum else Verdict.MINIMUM
        if run.outcome is Outcome.OPEN:
            verdict = Verdict.UNCONVERGED
        elif draw.random() < saddle:
            verdict = Verdict.SADDLE
        largest = float(draw.lognormal(2, 0.6))
        level = -0.01 if verdict is Verdict.SADDLE else -3e-4
        yield Certificate(
            cell=identity,
            round=run.round,
            replica=run.replica,
            n=run.n,
            outcome=run.outcome,
            verdict=verdict,
            reason=_REASONS[verdict],
            loss=run.run.loss,
            gradient_norm=run.run.gradient_norm,
            relative_gradient_norm=run.run.gradient_norm / 10,
            plateau=run.run.plateau,
            lambda_min=level * largest * float(draw.lognormal(0, 0.3)),
            lambda_min_residual=1e-6,
            lambda_max=largest,
            lambda_max_residual=1e-6,
            trace=largest * 12,
            negative_eigenvalues=int(draw.integers(40, 110)),
            exact=True,
            iterations=0,
            eps=1e-3,
            delta=0.0,
            seconds=0.3,
            spectrum_values=(level * largest, 1e-3 * largest, largest),
            spectrum_shares=(0.1, 0.8, 0.1),
        )
