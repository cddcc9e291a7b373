"""`emc.measure`: the EMC of anyone's net on anyone's data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple, get_args
from warnings import warn

import torch
from torch import nn

from emc.api.arrays import arrays
from emc.api.cut_short import cut_short, reason_of
from emc.api.entries import entry_of
from emc.api.factory import check_nets
from emc.api.measurement import Measurement
from emc.api.optimizer import Chosen, choose
from emc.api.remarks import remarks_of
from emc.api.training import share, training, whole
from emc.data.conflicts import Conflicts, conflicts_of
from emc.engine import Procedure
from emc.engine.choose import back_end as back_end_of
from emc.engine.device import resolve
from emc.errors import EmcError, shown
from emc.measurement.arrays import ArraySamples
from emc.measurement.device_choice import device_to_call
from emc.measurement.finishing import finishing
from emc.measurement.measure import method, round_size
from emc.measurement.progress import reporter
from emc.measurement.result import estimate
from emc.measurement.rounds import Assignment, run_rounds, trials
from emc.measurement.source import LabelledSamples
from emc.measurement.unwritten import UnwrittenJournal
from emc.nets.arithmetic import refuse_surroundings
from emc.nets.recognise import recognised
from emc.records import Estimate
from emc.study.datasets import Facts
from emc.study.labels import Labels, unsuitable
from emc.study.search import MOST_WIDENINGS, Search
from emc.study.training import Finish, short_of_an_epoch


def measure(
    model: Callable[[], nn.Module],
    data: Any,
    *,
    labels: str | Mapping[str, Any] = "original",
    optimizer: Any = "sgd",
    loss: str | Mapping[str, Any] = "cross-entropy",
    schedule: str | Mapping[str, Any] = "constant",
    batch: int | Mapping[str, Any] = 128,
    steps: int | None = None,
    epochs: int | None = None,
    criterion: float = 1.0,
    finish: Mapping[str, Any] | None = None,
    aim: str = "minima",
    tolerance: float = 0.05,
    probes: int = 200,
    widen: int = 0,
    smallest: int = 1,
    seed: int = 0,
    device: str | torch.device = "auto",
    back_end: str | None = None,
    progress: bool = False,
) -> Measurement:
    """Measure how many samples a net fits; an entry is one of a study file, as a mapping.

    Args:
        model: makes a fresh float32 net at each call, that maps [batch, *shape] to logits.
        data: a tuple of inputs [N, *shape] and labels [N] or [N, 1], whole numbers from 0, truth
            values or words; or a data set of pairs. Arrays, tensors or a list.
        labels: "original", "random", {"noisy": 0.2} and the other labellings of a study.
        optimizer: a name or an entry, {"name": "adam", "lr": [0.001, 0.01]}; a function that
            `emc.optimizer` registered, or its name; or {"name": torch.optim.RMSprop, "lr": 0.01}.
        loss, schedule: names or entries, such as {"name": "cosine", "warmup": 0.1}.
        steps, epochs: longest training of a probe, one of the two; 30,000 steps by default.
        batch, criterion: samples per step, or an entry; training accuracy that counts as a fit.
        finish: entry, how an unfitted probe is brought to a minimum; {"iterations": 0}: it is not.
        aim: which number is made narrow, what fits at "minima" or within the "budget".
        tolerance, probes: wanted relative half width of the 95 % interval; most training runs.
        widen, smallest: times a rate may be added beyond an edge that wins; the smallest n to try.
        device, back_end: "auto" (a card if faster), "cpu", "cuda", torch's; None: the fastest.
        seed, progress: another seed; whether to show a bar, in a terminal or a notebook.

    Raises:
        EmcError: an argument is not as described, or the net cannot be trained; told before.
        CutShortError: the net, or what makes it, fails later; what was measured before is in the
            error's `measured`. So it is in the KeyboardInterrupt of a measurement that is stopped.
    """
    refuse_surroundings()
    search, number = _search(aim, tolerance, probes, widen, smallest), whole("seed", seed, 0)
    asked = _Asked(search, _finish(finish), _where(device, back_end))
    chosen, drawn_from = choose(optimizer), _source(data, labels, search.smallest)
    terms = {"loss": loss, "schedule": schedule, "batch": batch, "criterion": criterion}
    trained = training(model, drawn_from.classes, chosen, **terms, steps=steps, epochs=epochs)
    _refuse_short(trained, search.smallest)
    remarks = partial(remarks_of, chosen, _conflicts(drawn_from), criterion)
    with torch.inference_mode(False), torch.enable_grad():
        parameters = check_nets(trained, drawn_from.samples, search.smallest, asked.where.device)
        assigned = _assigned(f"own-{number}", trained, drawn_from, chosen, asked)
        answer = partial(_measured, assigned, search, parameters=parameters, remarks=remarks)
        return _run(assigned, search, answer, progress)


@dataclass(frozen=True, slots=True)
class _Where:
    """A device and a back end to train on; `free` where the user named neither."""

    device: str
    back_end: str | None
    free: bool


class _Asked(NamedTuple):
    """How a net is to be measured."""

    search: Search
    finish: Finish
    where: _Where


def _where(device: Any, back_end: str | None) -> _Where:
    """A device by its name, or torch's: the card is the first that torch finds."""
    named = str(device)
    found = resolve(named.removesuffix(":0") if named.startswith("cu") else named)
    return _Where(found, back_end, named == "auto" and back_end is None)


def _refuse_short(trained: Procedure, smallest: int) -> None:
    if (short := short_of_an_epoch(trained.steps, smallest, trained.batch)) is not None:
        raise EmcError(f"steps: {short}")


def _conflicts(source: LabelledSamples) -> Conflicts | None:
    """What no net can fit of the samples; a warning where `emc.measure` is called tells of it."""
    found = conflicts_of(source.samples, source.labels)
    if found:
        warn(f"data: {found.told}", stacklevel=3)
    return found


def _assigned(
    name: str, trained: Procedure, source: LabelledSamples, chosen: Chosen, asked: _Asked
) -> Assignment:
    """What stays the same over the rounds; a card that is not foretold to be faster is left."""
    trained = _traced(trained, source)
    search, where, rates, available = asked.search, asked.where, chosen.rates, source.available
    place = where.device
    if where.free and place != "cpu":
        slower = device_to_call(trained, search, len(rates), available) == "cpu"
        place = "cpu" if slower else place
    finish_to = finishing(trained, source, asked.finish, chosen.minimises_otherwise, place)
    size = round_size(back_end_of(trained, place, where.back_end), place, trained)
    searching = method(search, rates, available, size, finish_to.refused)
    run = trained, finish_to, searching, size, place, where.back_end
    return Assignment(name, source, *run)


def _search(aim: Any, tolerance: Any, probes: Any, widen: Any, smallest: Any) -> Search:
    if aim not in get_args(Search.model_fields["aim"].annotation):
        raise EmcError(f"aim: expected 'minima' or 'budget', found {shown(aim)}")
    return Search(
        aim=aim,
        tolerance=share("tolerance", tolerance, one=False),
        probes=whole("probes", probes, 1),
        widen=whole("widen", widen, 0, MOST_WIDENINGS),
        smallest=whole("smallest", smallest, 1),
    )


def _traced(trained: Procedure, source: LabelledSamples) -> Procedure:
    """The same with nets of known layers told as such, which train by faster engines."""
    assert trained.module is not None
    known = recognised(trained.module, source.samples.shape, source.classes)
    return replace(trained, module=known)


def _finish(entry: Any) -> Finish:
    found: Finish = entry_of("finish", Finish, {} if entry is None else entry)
    return found


def _source(data: Any, labels: Any, smallest: int) -> LabelledSamples:
    inputs, own = arrays(data)
    if smallest > len(inputs):
        raise EmcError(
            f"smallest: expected at most the {len(inputs)} samples there are, found {smallest}"
        )
    rule: Labels = entry_of("labels", Labels, labels)
    samples = ArraySamples(inputs, own, int(own.max()) + 1)
    if found := unsuitable(Facts(samples.shape, samples.classes, samples.n), rule):
        raise EmcError(found)
    return LabelledSamples(samples, rule)


def _run(
    assignment: Assignment,
    search: Search,
    answer: Callable[..., Measurement | None],
    bar: bool,
) -> Measurement:
    """Run all rounds in memory and gather the answer."""
    journal = UnwrittenJournal()
    try:
        with reporter(assignment.cell, search.tolerance, search.probes, bar=bar) as progress:
            run_rounds(assignment, journal, progress)
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        reason = "Ctrl-C" if isinstance(error, KeyboardInterrupt) else reason_of(error)
        asked = assignment.method.requests(trials(journal.probes))
        raise cut_short(error, asked, answer(journal, cut_short_by=reason)) from error
    measured = answer(journal)
    assert measured is not None
    return measured


def _measured(
    assignment: Assignment,
    search: Search,
    journal: UnwrittenJournal,
    *,
    parameters: int,
    remarks: Callable[[Estimate], tuple[str, ...]],
    cut_short_by: str | None = None,
) -> Measurement | None:
    """What the probes of the journal say; None where there are none."""
    if not journal.probes:
        return None
    found = estimate(
        assignment.method.answer(trials(journal.probes)),
        journal.probes,
        method="bayes",
        tolerance=search.tolerance,
        assignment=assignment,
        parameters=parameters,
    )
    return Measurement(found, tuple(journal.probes), cut_short_by, remarks(found))
