"""How well a cell's procedure does on samples that it did not train on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from emc.data.labelling import for_testing
from emc.data.samples import Samples, open_samples
from emc.engine import Replica, run_probes
from emc.engine.procedure import Procedure, TrainedRun
from emc.errors import EmcError
from emc.jobs.stage import follow
from emc.measurement.device_choice import device_to_test, known_cell
from emc.measurement.procedure import procedure
from emc.measurement.source import LabelledSamples, replica
from emc.measurement.state import read_estimate
from emc.records import Generalisation
from emc.seeds import derive
from emc.store.columns import GENERALISATION
from emc.store.layout import Results
from emc.store.rows import generalisation_row
from emc.study.cell import Cell
from emc.study.identity import cell_id, dataset_id

_CHUNK: Final = 1024
"""Test samples that are evaluated in one go."""


def generalise(cell: Cell, seeds: int, results: Results, output: Path) -> None:
    """Write the table of `seeds` runs on the whole training set, on a GPU where one is worth it.

    A cell whose measurement failed gets an empty file, as does one that fails here.

    Raises:
        FileError: the estimate or the data are missing or damaged.
    """
    files = results.cell(cell_id(cell))

    def rows(device: str) -> Iterator[dict[str, Any]]:
        return map(generalisation_row, generalisation_of(cell, seeds, results, device=device))

    failure = files.failure(f"generalise-{seeds}")
    follow(
        "generalise",
        files,
        rows,
        failure=failure,
        output=output,
        table=GENERALISATION,
        device=lambda: device_to_test(known_cell(cell, results), seeds),
    )


def generalisation_of(
    cell: Cell, seeds: int, results: Results, *, device: str
) -> list[Generalisation]:
    """Train the cell's procedure on every training sample, at the best rate of its estimate.

    The budget and the end of training are the cell's own. Runs differ in initial weights and
    the order of samples.

    Raises:
        EmcError: the labelling says nothing of new samples, there is no test sample, or data or
            estimate are damaged.
    """
    identity = cell_id(cell)
    rate = read_estimate(results.cell(identity)).best_lr
    samples = open_samples(results.data(dataset_id(cell.dataset)))
    test = for_testing(samples, cell.labels)
    if not test.n:
        raise EmcError(
            f"data set {dataset_id(cell.dataset)!r}: expected test samples, found none: a fifth of"
            " each class is held out, which is none of 1 or 2 samples"
        )
    trained = procedure(cell, samples.shape, samples.classes)
    source = LabelledSamples(samples, cell.labels)
    replicas = [
        replica(source, source.available, rate, derive(identity, "generalise", number))
        for number in range(seeds)
    ]
    runs = run_probes(trained, replicas, device=device)
    return [
        _tested(
            *(trainee, run), cell=identity, seed=number, trained=trained, test=test, device=device
        )
        for number, (trainee, run) in enumerate(zip(replicas, runs, strict=True))
    ]


def _tested(
    replica: Replica,
    run: TrainedRun,
    *,
    cell: str,
    seed: int,
    trained: Procedure,
    test: Samples,
    device: str,
) -> Generalisation:
    from emc.engine.evaluate import evaluate

    accuracy, loss = evaluate(trained, replica.seed, run.parameters, _chunks(test), device)
    return Generalisation(
        cell=cell,
        seed=seed,
        lr=replica.lr,
        n=replica.n,
        train_accuracy=run.accuracy,
        train_loss=run.loss,
        test_samples=test.n,
        test_accuracy=accuracy,
        test_loss=loss,
        gap=run.accuracy - accuracy,
        ended=run.ended,
        epochs=run.epochs,
        seconds=run.seconds,
        back_end=run.back_end,
        device=device,
    )


def _chunks(test: Samples) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for start in range(0, test.n, _CHUNK):
        rows = slice(start, start + _CHUNK)
        yield test.inputs(rows), test.labels[rows]
