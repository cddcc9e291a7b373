"""What is expected of a cell before any probe: its emc50, its probes, and what these cost."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import exp, inf, log, log2, prod
from typing import Final

from emc.activations import ACTIVATIONS
from emc.curvature.bound import iterations
from emc.curvature.tolerances import DEFAULT
from emc.data.samples import SHARED_BYTES
from emc.measurement.kinds import interpolated, kind
from emc.records import Pace
from emc.search.stepwise import LADDER_STEP, WALK_STEP
from emc.store.paces import Paces
from emc.study import Cell, PlannedCell
from emc.study.architectures import Cnn, Linear, Mlp
from emc.study.parameterisation import Full

_BITS: Final = 1.2
"""Bits that a trainable number memorises of random labels, about."""
_EASIER: Final = {"original": 20.0, "classes": 20.0, "noisy": 1.5, "permuted-pixels": 1.5}
"""How many times as many samples are fitted under other labels, about."""
_SLOPE: Final = 0.15
"""Scale of a usual transition in log n."""
_TRAINED: Final = 0.8
"""Share of its budget that a probe trains, on average: fits end sooner."""
_UNFITTED: Final = 0.75
"""Share of the probes that do not fit within their budget."""
_TO_DECIDE: Final = 1000.0
"""Passes over the samples after which a finish has decided most runs, if it may take far more."""
_DEEPER: Final = 2.2
"""The power of the layers with kinks by which it takes more."""
_CONVEX: Final = 200.0
"""The same of a linear model, whose loss has one minimum."""
_EXAMINED: Final = 0.25
"""Share of the finishes that end at a point whose curvature is examined."""
_EACH: Final = 4
"""Probes at each learning rate before any is dropped."""
_SURELY: Final = 1.5
"""How many times as many samples as there are must be expected to fit, for all to be easy."""
_EASY: Final = 0.1
"""Share of its budget that a probe trains where all samples there are can be fitted."""


@dataclass(frozen=True, slots=True)
class ExpectedCost:
    """What measuring a cell takes: seconds of training and finishing, peak of the job's memory."""

    seconds: float
    megabytes: float


def expectations(
    cells: Iterable[PlannedCell], paces: Paces, device: str
) -> dict[str, ExpectedCost]:
    """By id, what each cell takes of which that is known."""
    if not paces:
        return {}
    found = {one.id: expectation(one.cell, paces, device) for one in cells}
    return {cell: expected for cell, expected in found.items() if expected}


def expectation(cell: Cell, paces: Paces, device: str) -> ExpectedCost | None:
    """What a cell takes on this machine; None where its data or its pace is not known."""
    if cell.known is None or (known := paces.get(kind(cell, device))) is None:
        return None
    pace = interpolated(known, cell.parameters)
    return ExpectedCost(_seconds(cell, pace), pace.megabytes + _data_megabytes(cell))


def expected_emc50(cell: Cell) -> float:
    """The emc50 that the study expects, or that as many parameters let expect.

    It does not exceed the samples that there are.
    """
    return min(_emc50(cell), cell.facts.samples or inf)


def _emc50(cell: Cell) -> float:
    told = cell.search.expected
    if told is not None:
        return told.emc50
    bits = _BITS * _EASIER.get(cell.labels.name, 1.0) / log2(max(cell.classes, 2))
    n = bits * _reached(cell, bits)
    return max(n, float(cell.search.smallest))


def _reached(cell: Cell, bits: float) -> float:
    """Trainable numbers that as many samples reach as these let fit, `bits` for each.

    n samples span n dimensions at most of those that a dense first layer reads.
    """
    matrices = cell.architecture.matrices(cell.shape, cell.classes)
    rows, columns = matrices[0] if matrices else (0, 0)
    dense = isinstance(cell.parameterisation, Full) and columns == prod(cell.shape)
    if not dense or bits * cell.trainable >= columns:
        return cell.trainable
    return (cell.trainable - rows * columns) / (1 - bits * rows)


def _saturated(cell: Cell) -> bool:
    """Whether the data are expected to end before the net stops fitting."""
    return _emc50(cell) > _SURELY * (cell.facts.samples or inf)


def expected_probes(cell: Cell) -> float:
    """Probes that the cell's search spends where the transition has a usual slope."""
    search, rates, n = cell.search, len(cell.optimizer.lr), expected_emc50(cell)
    wanted: float
    match search.method:
        case "bayes" if _saturated(cell):
            wanted = _EACH * rates
        case "bayes":
            wanted = _EACH * rates + 40 + (1.96 * 2 * _SLOPE / search.tolerance) ** 2
        case "bisection":
            wanted = rates * (2 * log2(n) + 2)
        case "ladder":
            wanted = rates * (log(n) / log(LADDER_STEP) + 1)
        case "walk":
            wanted = rates * (log(n) / log(WALK_STEP) + 1)
    return min(wanted, search.probes)


def _seconds(cell: Cell, pace: Pace) -> float:
    n, easy = expected_emc50(cell), _saturated(cell)
    batch = n if cell.optimizer.full_batch else min(cell.batch.size, n)
    epochs = cell.budget.epochs
    budget = cell.budget.steps if epochs is None else epochs * n / batch
    assert budget is not None
    trained = (_EASY if easy else _TRAINED) * budget * batch
    each = trained * pace.training
    if not easy:
        passes = _passes(cell, pace, cell.finish.effort * pace.gradients * budget * batch / n)
        each += _UNFITTED * passes * (n * pace.finishing + pace.passing)
    return pace.starting + expected_probes(cell) * each


def _passes(cell: Cell, pace: Pace, allowed: float) -> float:
    """Passes of a finish, with those that examine the curvature where it ends."""
    examined = 2 * iterations(DEFAULT.eps, pace.parameters, DEFAULT.delta)
    to_decide = _CONVEX if isinstance(cell.architecture, Linear) else _TO_DECIDE
    to_decide *= exp(_DEEPER * log(max(_kinked_layers(cell), 1)))
    return allowed / (1 + allowed / to_decide) + _EXAMINED * min(examined, allowed)


def _kinked_layers(cell: Cell) -> int:
    """Layers with kinks over which a finish walks one by one, as it does over those of kernels."""
    net, activation = cell.architecture, cell.activation
    if not isinstance(net, Mlp | Cnn) or not isinstance(activation, str):
        return 0
    return net.depth if ACTIVATIONS[activation].jump else 0


def _data_megabytes(cell: Cell) -> float:
    """The data set as it lies in its file, and as numbers that are shared if they are not many."""
    samples, shape = cell.facts.samples or 0, cell.shape
    floats = 4 * samples * prod(shape)
    stored = floats / 4 if len(shape) == 3 else floats
    return (stored + (floats if floats <= SHARED_BYTES else 0)) / 2**20
