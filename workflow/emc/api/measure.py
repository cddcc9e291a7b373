"""`emc.measure`: the EMC of anyone's net on anyone's data."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, get_args

import torch
from pydantic import TypeAdapter, ValidationError
from torch import nn

from emc.api.arrays import arrays
from emc.api.factory import check_nets
from emc.api.measurement import Measurement
from emc.api.shown import shown
from emc.engine import Procedure, Update, choose
from emc.engine.device import resolve
from emc.errors import EmcError
from emc.measurement.arrays import ArraySource
from emc.measurement.finishing import finishing
from emc.measurement.measure import round_size
from emc.measurement.progress import reporter
from emc.measurement.result import estimate
from emc.measurement.rounds import Assignment, run_rounds
from emc.measurement.unwritten import UnwrittenJournal
from emc.nets.arithmetic import refuse_surroundings
from emc.nets.recognise import recognised
from emc.search import make
from emc.search.trials import Aim
from emc.study.faults import report, study_faults
from emc.study.training import DEFAULT_STEPS, OPTIMIZERS, Finish, Optimizer


def measure(
    model: Callable[[], nn.Module],
    source: Any,
    *,
    labels: str = "original",
    optimizer: str | Mapping[str, Any] = "sgd",
    batch: int = 128,
    steps: int | None = None,
    epochs: int | None = None,
    finish: Mapping[str, Any] | None = None,
    aim: str = "minima",
    tolerance: float = 0.05,
    probes: int = 200,
    smallest: int = 1,
    seed: int = 0,
    device: str = "auto",
    back_end: str | None = None,
) -> Measurement:
    """Measure how many samples a net fits.

    Args:
        model: makes a fresh net at each call, which shares no weights with any other; it maps
            float32 [batch, *shape] to logits [batch, classes]. All its numbers are float32, and
            it draws random numbers, as dropout does, in training only and with torch.
        source: a tuple of inputs [N, *shape] and labels [N] or [N, 1], arrays or tensors; or a
            data set, such as torch's or a list, whose items are pairs of an input and its label.
            Labels are whole numbers from 0, truth values, or words.
        labels: "original", or "random" for uniformly random ones.
        optimizer: a name or an entry as in a study file, such as
            {"name": "adam", "lr": [0.001, 0.01]}.
        batch: samples a step.
        steps: longest training of one probe, optimizer steps; 30,000 unless `epochs` are given.
        epochs: the same in passes over the n samples; give one of the two.
        finish: how a probe that did not fit is brought to a minimum, as in a study file, such as
            {"iterations": 1000}; {"iterations": 0} for not at all.
        aim: which number is made narrow, what fits at "minima" or within the "budget".
        tolerance: wanted half width of the 95 % interval, relative, between 0 and 1.
        probes: most training runs to spend.
        smallest: the smallest n to try; batch normalisation needs two samples or more.
        seed: another seed measures independently.
        device: "auto", "cpu" or "cuda".
        back_end: engine to use, whatever the rule would choose.

    Raises:
        EmcError: an argument is not as described, or the net cannot be trained; told before
            anything is trained.
    """
    refuse_surroundings()
    batch, (steps, epochs) = _whole("batch", batch, 1), _budget(steps, epochs)
    probes, smallest = _whole("probes", probes, 1), _whole("smallest", smallest, 1)
    seed, tolerance = _whole("seed", seed, 0), _tolerance(tolerance)
    chosen, place = _optimizer(optimizer), resolve(device)
    drawn_from = _source(source, labels)
    if smallest > drawn_from.available:
        raise EmcError(f"smallest: {smallest} exceeds the {drawn_from.available} samples there are")
    procedure = Procedure(
        classes=drawn_from.classes,
        update=Update(**chosen.model_dump(exclude={"lr"})),
        module=model,
        batch=None if chosen.full_batch else batch,
        steps=steps,
        epochs=epochs,
    )
    with torch.inference_mode(False), torch.enable_grad():
        parameters = check_nets(procedure, drawn_from.inputs, smallest, place)
        known = recognised(model, drawn_from.inputs.shape[1:], drawn_from.classes)
        procedure = replace(procedure, module=known)
        finish_to = finishing(
            procedure, drawn_from, _finish(finish), chosen.minimises_otherwise, place
        )
        method = make(
            "bayes",
            smallest=smallest,
            largest=drawn_from.available,
            rates=chosen.lr,
            tolerance=tolerance,
            probes=probes,
            round_size=round_size(choose.back_end(procedure, place, back_end), place),
            aim="budget" if finish_to.refused else _aim(aim),
        )
        assignment = Assignment(
            *(f"own-{seed}", drawn_from, procedure, finish_to, method, place, back_end)
        )
        return _run(assignment, tolerance, probes, parameters)


def _run(assignment: Assignment, tolerance: float, probes: int, parameters: int) -> Measurement:
    """Run all rounds in memory and gather the answer."""
    journal = UnwrittenJournal()
    with reporter(assignment.cell, tolerance, probes) as progress:
        answer = run_rounds(assignment, journal, progress)
    found = estimate(
        answer,
        journal.probes,
        method="bayes",
        tolerance=tolerance,
        assignment=assignment,
        parameters=parameters,
    )
    return Measurement(found, tuple(journal.probes))


def _whole(name: str, value: Any, least: int) -> int:
    """The number that an option gives, numpy's too."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise EmcError(f"{name}: a whole number from {least} is wanted, found {shown(value)}")
    return int(value)


def _budget(steps: Any, epochs: Any) -> tuple[int | None, int | None]:
    """Steps or epochs, the other None."""
    if steps is not None and epochs is not None:
        raise EmcError("steps, epochs: expected one of the two, found both")
    if epochs is not None:
        return None, _whole("epochs", epochs, 1)
    return _whole("steps", DEFAULT_STEPS if steps is None else steps, 1), None


def _finish(entry: Any) -> Finish:
    if entry is not None and not isinstance(entry, Mapping):
        raise EmcError(
            f"finish: expected keys as in a study file, such as {{'iterations': 1000}}, found"
            f" {shown(entry)}"
        )
    raw = dict(entry or {})
    try:
        return Finish.model_validate(raw)
    except ValidationError as error:
        raise EmcError(report("finish", study_faults("", error, raw))) from None


def _aim(value: Any) -> Aim:
    if value not in get_args(Aim):
        raise EmcError(f"aim: expected 'minima' or 'budget', found {shown(value)}")
    aim: Aim = value
    return aim


def _tolerance(value: Any) -> float:
    if not isinstance(value, Real) or isinstance(value, bool) or not 0 < float(value) < 1:
        raise EmcError(f"tolerance: a number between 0 and 1 is wanted, found {shown(value)}")
    return float(value)


def _optimizer(entry: Any) -> Any:
    if not isinstance(entry, str | Mapping):
        raise EmcError(
            "optimizer: a name or an entry as in a study file, such as {'name': 'adam', 'lr':"
            f" 0.001}}, is wanted, found {shown(entry)}; known names are {', '.join(OPTIMIZERS)}"
        )
    raw = {"name": entry} if isinstance(entry, str) else dict(entry)
    try:
        return TypeAdapter(Optimizer).validate_python(raw)
    except ValidationError as error:
        raise EmcError(report("optimizer", study_faults("", error, raw))) from None


def _source(source: Any, labels: Any) -> ArraySource:
    if not isinstance(labels, str) or labels not in {"original", "random"}:
        raise EmcError(f"labels: 'original' or 'random' is wanted, found {shown(labels)}")
    inputs, classes = arrays(source)
    own = None if labels == "random" else classes
    return ArraySource(inputs, own, int(classes.max()) + 1)
