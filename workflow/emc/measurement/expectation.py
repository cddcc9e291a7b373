"""What is expected of a cell before any probe: its emc50, its probes, and what these cost."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf, log, log1p, log2, prod
from typing import Final, NamedTuple

from emc.activations import ACTIVATIONS
from emc.curvature.bound import iterations
from emc.curvature.tolerances import DEFAULT
from emc.data.samples import SHARED_BYTES
from emc.finish.settings import IN_TURN, KRYLOV, ONWARD, ONWARD_LEAST, WHOLE
from emc.measurement.finishing import LEAST, minimises_otherwise
from emc.measurement.kinds import interpolated, paces_like, work
from emc.measurement.procedure import update
from emc.records import Pace
from emc.search.stepwise import LADDER_STEP, WALK_STEP
from emc.store.paces import Paces
from emc.study import Cell, PlannedCell
from emc.study.architectures import Cnn, Linear, Mlp
from emc.study.parameterisation import Full

_BITS: Final = 1.2
"""Bits that a trainable number memorises of random labels, about."""
_EASIER: Final = {"original": 10.0, "classes": 10.0, "noisy": 1.5, "permuted-pixels": 1.5}
"""How many times as many samples are fitted under other labels, about."""
_SEEN: Final = 2.0
"""How many times as many again of a set's own labels by convolutions, on its images."""
_SLOPE: Final = 0.15
"""Scale of a usual transition in log n."""
_UNFITTED: Final = 0.7
"""Share of a search's probes around the transition that do not fit within their budget."""
_MINIMA: Final = 0.5 / _UNFITTED
"""Share of these that end at a minimum: around the transition half of all probes never fit."""
_EARLY: Final = 0.2
"""Share of its budget that a fit around the transition takes."""
_AT_ONCE: Final = 0.05
"""The same of a fit of far fewer samples."""
_KINKED: Final = 3.0
"""How many times as many passes with kinks, whatever the depth, as in a smooth net."""
_POOLED: Final = 1.5
"""How many times as many with convolutions and max-pooling."""
_UNSEEN: Final = 1.5
"""How many times as many where torch differentiates the net: kinks are not seen one by one."""
_FALLING: Final = 4.0
"""How many times as many with an activation that does not always rise."""
_NEVER_FLAT: Final = 5.0
"""How many times as many with an activation that is steep on both sides: no unit falls silent."""
_HELD: Final = 4.0
"""How many times as many where smoothed labels or decaying weights leave a loss to descend."""
_SOON: Final = 0.07
"""How many times as many where all samples there are can be fitted: they are, by the finish."""
_CONVEX: Final = 0.4
"""How many times as many of a linear model, whose loss has one minimum."""
_EXAMINED: Final = 0.25
"""Share of the finishes that end at a point whose curvature is examined."""
_EACH: Final = 4
"""Probes at each learning rate before any is dropped."""
_TO_THE_END: Final = 9
"""Further probes where all samples there are can be fitted."""
_NOT_YET: Final = 0.2
"""Share of the probes that do not fit within their budget even so."""
_SURELY: Final = 1.5
"""How many times as many samples as there are must be expected to fit, for all to be easy."""
_BY_ONE: Final = 1 / (WALK_STEP - 1)
"""The size up to which a walk grows by one sample at a time."""


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
    """What a cell takes on this machine; None where its data, or no pace of its like, are known."""
    if cell.known is None or not (known := paces_like(cell, device, paces)):
        return None
    return cost_at(cell, interpolated(known, cell.parameters, work(cell)))


def cost_at(cell: Cell, pace: Pace) -> ExpectedCost:
    """What a cell whose data are known takes at a pace of its own."""
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
    bits = _BITS * _easier(cell) / log2(max(cell.classes, 2))
    n = bits * _reached(cell, bits)
    return max(n, float(cell.search.smallest))


def _easier(cell: Cell) -> float:
    """How many times as many samples are fitted as with random labels."""
    labels = cell.labels.name
    seen = isinstance(cell.architecture, Cnn) and labels in {"original", "classes"}
    return _EASIER.get(labels, 1.0) * (_SEEN if seen else 1.0)


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
    return _course(cell).probes


def usual_probes(tolerance: float, rates: int) -> float:
    """Probes to an interval of so many learning rates, where the transition has a usual slope."""
    return _EACH * rates + 40 + (1.96 * 2 * _SLOPE / tolerance) ** 2


class _Course(NamedTuple):
    """How a search goes: its probes, those of them that do not fit, and how soon others do."""

    probes: float
    unfitted: float
    fitted_by: float


def _course(cell: Cell) -> _Course:
    search, rates, n = cell.search, len(cell.optimizer.lr), expected_emc50(cell)
    match search.method:
        case "bayes" if _saturated(cell):
            probes: float = _EACH * rates + _TO_THE_END
            found = _Course(probes, _NOT_YET * probes, _AT_ONCE)
        case "bayes":
            probes = usual_probes(search.tolerance, rates)
            found = _Course(probes, _UNFITTED * probes, _EARLY)
        case "bisection":
            halvings = max(log2(log(2) / log1p(search.tolerance)), 0.0)
            found = _Course(rates * (log2(n) + 1 + halvings), rates * (1 + halvings / 2), _AT_ONCE)
        case "ladder":
            found = _Course(rates * (log(n) / log(LADDER_STEP) + 1), rates, _AT_ONCE)
        case "walk":
            steps = min(n, _BY_ONE) + max(log(n / _BY_ONE), 0.0) / log(WALK_STEP)
            found = _Course(rates * (steps + 1), rates, _AT_ONCE)
    made = min(found.probes, search.probes)
    return _Course(made, min(found.unfitted, _UNFITTED * made), found.fitted_by)


def _seconds(cell: Cell, pace: Pace) -> float:
    n, course = expected_emc50(cell), _course(cell)
    batch = n if cell.optimizer.full_batch else min(cell.batch.size, n)
    epochs = cell.budget.epochs
    budget = cell.budget.steps if epochs is None else epochs * n / batch
    assert budget is not None
    seconds = pace.starting + _whole(course, pace.together) * budget * batch * pace.training
    if _never_finished(cell):
        return seconds
    gradients = max(pace.gradients * budget * batch, LEAST)
    passes = _passes(cell, pace, cell.finish.effort * gradients / n)
    return seconds + course.unfitted * passes * (n * pace.finishing + pace.passing)


def _whole(course: _Course, together: float) -> float:
    """Whole budgets that are trained: replicas side by side end with the last of them."""
    all_fit: float = (1 - course.unfitted / course.probes) ** together
    return course.probes * (1 - all_fit * (1 - course.fitted_by))


def _never_finished(cell: Cell) -> bool:
    return not cell.finish.iterations or minimises_otherwise(cell) is not None


def _passes(cell: Cell, pace: Pace, allowed: float) -> float:
    """Passes of a finish, with those that examine the curvature where it ends.

    Where as many were needed as are allowed, half would stay open, and take them all.
    """
    needed = _turn(pace.parameters) * _harder(cell)
    minima = 0.0 if _saturated(cell) else _MINIMA
    open_ = needed / (needed + allowed)
    decided = min(needed + minima * max(ONWARD * allowed, ONWARD_LEAST), allowed)
    examined = 2 * iterations(DEFAULT.eps, pace.parameters, DEFAULT.delta)
    return open_ * allowed + (1 - open_) * decided + _EXAMINED * min(examined, allowed)


def _turn(parameters: int) -> float:
    """Passes of the first turn of both kinds of steps, which decide most finishes.

    A quasi-Newton step is a pass, one of Newton's two for each direction that it sees.
    """
    steps, newton_steps = IN_TURN
    return steps + newton_steps * 2 * (parameters if parameters <= WHOLE else KRYLOV)


def _harder(cell: Cell) -> float:
    """How many times as many passes as of a net of tanh decide a finish."""
    if _saturated(cell):
        return _SOON
    decay = getattr(update(cell.optimizer).optimizer, "coupled_decay", 0.0)
    held = _HELD if cell.loss.label_smoothing or decay else 1.0
    return held * _of_net(cell)


def _of_net(cell: Cell) -> float:
    net = cell.architecture
    if not isinstance(cell.parameterisation, Full):
        return _UNSEEN
    if isinstance(net, Linear):
        return _CONVEX
    if isinstance(net, Cnn):
        return _POOLED
    if not isinstance(net, Mlp) or not isinstance(cell.activation, str):
        return _UNSEEN
    return _of_activation(cell.activation)


def _of_activation(name: str) -> float:
    activation = ACTIVATIONS[name]
    if name in {"identity", "leaky-relu"}:
        return _NEVER_FLAT
    if activation.jump:
        return _KINKED
    return 1.0 if activation.rises else _FALLING


def _data_megabytes(cell: Cell) -> float:
    """The data set as it lies in its file, and as numbers that are shared if they are not many."""
    samples, shape = cell.facts.samples or 0, cell.shape
    floats = 4 * samples * prod(shape)
    stored = floats / 4 if len(shape) == 3 else floats
    return (stored + (floats if floats <= SHARED_BYTES else 0)) / 2**20
