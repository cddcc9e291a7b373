"""What a cell takes on the processor and on a card: which of them should train it."""

from dataclasses import dataclass, replace
from functools import cache
from typing import Final, NamedTuple

from emc.engine.card_models import CardModel, card_model
from emc.engine.choose import native_refusal
from emc.engine.persistent.layout import layout_of
from emc.engine.persistent.refusal import block_net, known_net, refusal
from emc.engine.procedure import Procedure
from emc.engine.schedule import steps_of_budget
from emc.measurement.counted import in_a_block, in_lockstep, on_processor
from emc.measurement.expectation import (
    cost_at,
    expected_emc50,
    expected_probes,
    usual_probes,
)
from emc.measurement.kinds import interpolated, kind, of_layers, work
from emc.measurement.machine import known_paces
from emc.measurement.nominal import counted_pace
from emc.measurement.procedure import procedure
from emc.records import Pace
from emc.search import MOST_AT_ONCE, rounds_of
from emc.store.paces import Paces
from emc.study.architectures import Vit
from emc.study.cell import Cell
from emc.study.parameterisation import Full
from emc.study.search import Search

_UNMEASURED: Final = 4.0
"""How many times faster a card must be foretold where its pace was never measured."""
_CUDA: Final = 6.0
"""Seconds until torch and CUDA have started, beyond those of a process."""
_COMPILING: Final = 300.0
"""Seconds in which the programs of a cell are compiled, about: some thirty of ten seconds."""
_WIDEST: Final = 8.0
"""How many times the expected emc50 the largest n of a first round is, at most."""
_LATER: Final = 1.3
"""The same of later rounds."""
_MORE: Final = 1.3
"""Times as many probes as on the processor that rounds of many take (benchmarks/search.py)."""


class KnownPaces(NamedTuple):
    """What was measured of the processor and of the card."""

    processor: Paces
    card: Paces


@cache
def paces_here() -> KnownPaces:
    """What earlier calibrations of this machine found, read once.

    Raises:
        FileError: their file is damaged.
    """
    return KnownPaces(known_paces("cpu"), known_paces("cuda"))


@dataclass(frozen=True, slots=True)
class Foretold:
    """Seconds of a job on one core of the processor, and on a card with one core beside it.

    `measured` says whether the card's pace was, or its operations counted only.
    """

    processor: float
    card: float
    model: CardModel
    measured: bool

    @property
    def gain(self) -> float:
        """How many times faster the card is, as far as can be relied on."""
        return self.processor / self.card / (1.0 if self.measured else _UNMEASURED)

    @property
    def told(self) -> str:
        """What is foretold, and by what."""
        known = "" if self.model.listed else ", a model that is not known"
        how = "as timed" if self.measured else "by counted operations, never timed"
        return (
            f"foretold {self.processor:.3g} s on the processor, {self.card:.3g} s on the card"
            f" ({self.model.name or 'unnamed'}{known}; {how})"
        )


def foretold(cell: Cell, told: str, paces: KnownPaces) -> Foretold | None:
    """What the measurement of a cell takes with a card of the model that is `told`.

    None where it cannot be said: the data are not known, or not all of the net's operations.
    """
    known = _known(cell, told, paces)
    if known is None:
        return None
    there = replace(known.there, training=0.0)
    trained = _seconds(cell, _training_only(known.alone)) / expected_probes(cell)
    on_card = _MORE * _seconds(cell, there) + _rounds(cell) * trained
    return Foretold(_seconds(cell, known.here), on_card, known.model, known.measured)


def foretold_runs(cell: Cell, runs: int, told: str, paces: KnownPaces) -> Foretold | None:
    """The same of as many runs on all samples there are, which are not finished."""
    known = _known(cell, told, paces)
    if known is None:
        return None
    each = [
        _seconds(cell, _training_only(pace)) / expected_probes(cell)
        for pace in (known.here.training, known.alone)
    ]
    here, there = known.here.starting + runs * each[0], known.there.starting + each[1]
    return Foretold(here, there, known.model, known.measured)


def foretold_call(
    trained: Procedure, search: Search, rates: int, available: int, told: str
) -> Foretold | None:
    """The same of a call of `emc.measure` on `available` samples, by counted operations.

    None where the net is neither made of layers that kernels train nor a vision transformer. About
    as many samples are expected to fit as there are parameters; finishes, which take as long beside
    a card, are left out.
    """
    net, model = known_net(trained), card_model(told)
    if net is None or native_refusal(trained, "cpu", None):
        return None
    n = min(layout_of(net).parameters, available)
    samples = _batch(trained, n) * steps_of_budget(trained, n)
    probes = min(usual_probes(search.tolerance, rates), search.probes)
    alone, starting = _on_card(trained, n, model)
    here = probes * samples * on_processor(net)
    there = starting + rounds_of(_MORE * probes) * samples * alone
    return Foretold(here, there, model, measured=False)


class _Known(NamedTuple):
    """Paces here and there; `alone` are a replica's seconds per sample and step beside others."""

    here: Pace
    there: Pace
    alone: float
    model: CardModel
    measured: bool


def _known(cell: Cell, told: str, paces: KnownPaces) -> _Known | None:
    trained = _trained(cell)
    if trained is None:
        return None
    model = card_model(told)
    here = _measured(cell, "cpu", paces.processor) or counted_pace(cell, block_net(trained))
    if there := _measured(cell, "cuda", paces.card):
        return _Known(here, there, there.together * there.training, model, measured=True)
    alone, starting = _on_card(trained, max(1, round(expected_emc50(cell))), model)
    there = replace(here, starting=here.starting + starting)
    return _Known(here, there, alone, model, measured=False)


def layered(cell: Cell) -> Procedure | None:
    """The procedure of a cell whose net is layers and whose data are known, or None."""
    if cell.known is None or not of_layers(cell):
        return None
    trained = procedure(cell, cell.shape, cell.facts.classes)
    return None if trained.layers is None else trained


def differentiated_by_kernels(cell: Cell) -> bool:
    """Whether that of a net is known to be so before it is made: layers and vision transformers."""
    return (_of_transformer(cell) or layered(cell)) is not None


def _trained(cell: Cell) -> Procedure | None:
    """The same, or that of a vision transformer, if kernels train it on the processor."""
    trained = _of_transformer(cell) or layered(cell)
    if trained is None or native_refusal(trained, "cpu", None) is not None:
        return None
    return trained


def _of_transformer(cell: Cell) -> Procedure | None:
    """The procedure of a vision transformer whose data and activation are known, or None."""
    known = cell.known is not None and isinstance(cell.activation, str)
    if not known or not isinstance(cell.architecture, Vit):
        return None
    if not isinstance(cell.parameterisation, Full):
        return None
    return procedure(cell, cell.shape, cell.facts.classes)


def _measured(cell: Cell, device: str, paces: Paces) -> Pace | None:
    found = paces.get(kind(cell, device))
    return None if found is None else interpolated(found, cell.parameters, work(cell))


def _on_card(trained: Procedure, n: int, model: CardModel) -> tuple[float, float]:
    """Seconds per sample and step of a replica among others, and those before it trains."""
    net, batch = block_net(trained), _batch(trained, n)
    if refusal(trained) is None:
        return in_a_block(net, batch, model), _CUDA
    each = in_lockstep(net, batch, MOST_AT_ONCE, model)
    return MOST_AT_ONCE * each, _CUDA + _COMPILING


def _batch(trained: Procedure, n: int) -> int:
    return n if trained.batch is None else min(trained.batch, n)


def _training_only(training: float) -> Pace:
    return Pace(1, 1, training, gradients=0, finishing=0, passing=0, starting=0, megabytes=0)


def _seconds(cell: Cell, pace: Pace) -> float:
    return cost_at(cell, replace(pace, parameters=cell.parameters, work=work(cell))).seconds


def _rounds(cell: Cell) -> float:
    """Rounds of the cell's search on a card, each as long as a probe of the expected emc50.

    A round lasts as long as its longest probe: where the budget is in epochs, one of the largest n.
    """
    probes = min(_MORE * expected_probes(cell), cell.search.probes)
    rounds = rounds_of(probes) if cell.search.method == "bayes" else probes / len(cell.optimizer.lr)
    if cell.budget.epochs is None:
        return rounds
    widest = max(1.0, (cell.facts.samples or 0) / expected_emc50(cell))
    return min(widest, _WIDEST) + min(widest, _LATER) * (rounds - 1)
