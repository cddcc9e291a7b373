"""From where training stopped to a fit or a minimum."""

from dataclasses import dataclass, field
from time import perf_counter
from typing import Final

import numpy as np

from emc.criteria import correct_needed
from emc.curvature.kinks import KnownKinks
from emc.curvature.operator import Operator
from emc.finish.descent import Descent, DescentEnd, look
from emc.finish.infinity import flat, in_channel, steepest
from emc.finish.metered import Meter, Metered
from emc.finish.metric import Krylov, Metric, QuasiNewtonHistory
from emc.finish.saddle import way_down
from emc.finish.settings import DEFAULT, FinishSettings
from emc.finish.stationarity import Stationarity, first_order
from emc.records import Finish, FirstOrderTest, Outcome
from emc.seeds import generator

_ROUNDINGS: Final = np.array([1.0, 0.1, 0.01, 1e-3])
"""Widths over which kinks are rounded off, one after the other, relative to the first."""
_PUSH: Final = 1e-3
"""Length of a random push off a jam, relative to the norm of the parameters."""
_PUSHES: Final = 40
_WHOLE: Final = 400
"""Newton steps see all directions of a net with at most this many parameters."""
_KRYLOV: Final = 60
"""Directions that they see of a larger net, besides the normals of kinks."""
_DAMPING: Final = 1e-3
"""Least damping of Newton steps, unless a shorter gradient is asked for."""
_IN_TURN: Final = (1000, 10)
"""Quasi-Newton steps, and Newton steps, that are taken in turn where kinks are rounded off."""
_LOOK: Final = 5
"""Steps after which the passes are looked at."""
_FINER: Final = 0.1
"""How much shorter the gradient has to be where a region turned out to be flat."""


@dataclass(frozen=True, slots=True, eq=False)
class Finished:
    """How a finish ended, and where: `parameters` is float64 [P]."""

    record: Finish
    parameters: np.ndarray = field(repr=False)


def finish(operator: Operator, *, criterion: float, settings: FinishSettings = DEFAULT) -> Finished:
    """Descend from the operator's point until the training accuracy reaches `criterion`.

    The outcome is `finished` there; `minimum` at a point that passes the first-order test and is
    neither a saddle, a flat region nor a channel to infinity; `open` where steps or passes run out
    first. The same operator and settings give the same numbers. An objective whose kinks the
    operator does not know is treated as smooth, and pushed at random, from a fixed seed, where it
    jams.

    Raises:
        EndPointError: the loss or its gradient is not finite at the point.
    """
    return _Run(operator, criterion, settings).answer()


class _Run:
    def __init__(self, operator: Operator, criterion: float, settings: FinishSettings) -> None:
        self._began = perf_counter()
        self._settings = settings
        self._kinks = operator.kinks
        self._phases = _phases(operator, settings)
        needed = correct_needed(criterion, operator.samples) / operator.samples
        self._meter = Meter(settings.passes)
        self._sharp = Metered(operator, self._meter)
        self._descent = Descent(self._sharp, needed)
        self._tolerance = settings.gradient
        self._pushes, self._escapes = _PUSHES, 0

    def answer(self) -> Finished:
        """Descend, and look at each point where that stops, the first one included."""
        if not self._descent.fits:
            test = self._tested()
            if test.norm > self._tolerance:
                self._walk_over_kinks()
            elif (end := self._settle(test)) is not None:
                return self._end(*end, test)
        while True:
            stop = self._descend()
            if stop is DescentEnd.FITS:
                return self._end(Outcome.FINISHED, "The accuracy reached the criterion.", None)
            test = self._tested()
            if stop is not DescentEnd.STATIONARY:
                return self._end(Outcome.OPEN, _unfinished(stop, test), test)
            end = self._leave(test) if test.norm > self._tolerance else self._settle(test)
            if end is not None:
                return self._end(*end, test)

    def _tested(self) -> Stationarity:
        return first_order(self._descent.place, self._kinks, self._descent.held)

    def _walk_over_kinks(self) -> None:
        """Descend with kinks rounded off, less and less, so that small ones do not jam it."""
        for rounding in _ROUNDINGS * self._settings.rounding:
            place = self._descent.place
            if self._descent.fits or self._meter.spent or not self._round_off(rounding):
                return
            self._roll()
            self._descent.move(look(place.operator, self._descent.place.parameters))

    def _round_off(self, rounding: float) -> bool:
        """Go on with the kinks rounded off; False where there are none, or it cannot be done."""
        if not rounding or self._kinks is None or not self._kinks.any:
            return False
        place = self._descent.place
        widths = rounding * self._kinks.scales(place.parameters)
        operator = self._sharp.at(place.parameters).rounded(widths)
        if operator is not None:
            self._descent.move(look(operator, place.parameters))
        return operator is not None

    def _roll(self) -> None:
        """Come to rest on the rounded objective, by many cheap steps and few exact ones in turn."""
        dimension = len(self._descent.place.parameters)
        phases = [
            _Phase(QuasiNewtonHistory(dimension, self._settings.history), None, 0),
            _Phase(_newton(_KRYLOV, self._settings), None, 0),
        ]
        for _ in range(self._settings.rounds):
            for phase, steps in zip(phases, _IN_TURN, strict=True):
                phase.left = steps
                stop = self._go_through(phase)
                if stop in (DescentEnd.FITS, DescentEnd.STATIONARY) or self._meter.spent:
                    return
            if stop is DescentEnd.JAM:
                return

    def _descend(self) -> DescentEnd:
        """Go through the phases that are left."""
        while True:
            stop = self._go_through(self._phases[0])
            if stop in (DescentEnd.FITS, DescentEnd.STATIONARY) or self._meter.spent:
                return stop
            if len(self._phases) > 1:
                self._phases.pop(0)
            elif stop is DescentEnd.LIMIT or not self._pushes:
                return stop
            else:
                self._push()

    def _go_through(self, phase: "_Phase") -> DescentEnd:
        """Take the steps of a phase that are left, while there are passes."""
        while True:
            before = self._descent.iterations
            steps = min(phase.left, _LOOK)
            stop = self._descent.go_on(phase.metric, phase.kinks, steps, self._tolerance)
            phase.left -= self._descent.iterations - before
            if stop is not DescentEnd.LIMIT or not phase.left or self._meter.spent:
                return stop

    def _push(self) -> None:
        """Off a jam, in a random direction."""
        place, draw = self._descent.place, generator("finish", "push", self._pushes)
        direction = draw.standard_normal(len(place.parameters))
        length = _PUSH * max(float(np.linalg.norm(place.parameters)), 1.0)
        moved = place.parameters + direction * (length / float(np.linalg.norm(direction)))
        self._pushes -= 1
        self._descent.move(look(place.operator, moved))

    def _leave(self, test: Stationarity) -> tuple[Outcome, str] | None:
        """Leave a point that is no first-order minimum, along the steepest way down."""
        lower = steepest(self._descent.place, test.combination)
        if lower is None:
            return Outcome.OPEN, _unfinished(DescentEnd.JAM, test)
        self._descent.move(lower)
        return None

    def _settle(self, test: Stationarity) -> tuple[Outcome, str] | None:
        """What a stationary point is, or None where the descent goes on from a lower one."""
        place = self._descent.place
        if (lower := way_down(place, test.held)) is not None:
            if self._escapes == self._settings.escapes:
                return Outcome.OPEN, f"A saddle, after {self._escapes} others were left."
            self._escapes += 1
            self._descent.move(lower)
            self._walk_over_kinks()
            return None
        if (lower := flat(place, test.combination)) is not None:
            self._tolerance *= _FINER
            self._descent.move(lower)
            return None
        if self._kinks is not None and in_channel(place, self._kinks.net):
            return Outcome.OPEN, "Two units merge while their outputs grow apart, to infinity."
        return Outcome.MINIMUM, _stands(test)

    def _end(self, outcome: Outcome, reason: str, test: Stationarity | None) -> Finished:
        place = self._descent.place
        norm = test.norm if test else float(np.linalg.norm(place.seen.gradient))
        record = Finish(
            outcome=outcome,
            test=test and test.test,
            reason=reason,
            iterations=self._descent.iterations,
            escapes=self._escapes,
            kinks=len(test.held) if test else 0,
            accuracy=place.seen.accuracy,
            loss=place.seen.loss,
            gradient_norm=norm,
            seconds=perf_counter() - self._began,
        )
        return Finished(record, place.parameters)


@dataclass(slots=True)
class _Phase:
    """Steps in one metric, over the kinks that are known, and how many are left."""

    metric: Metric
    kinks: KnownKinks | None
    left: int


def _newton(size: int, settings: FinishSettings) -> Krylov:
    return Krylov(size, min(_DAMPING, settings.gradient))


def _phases(operator: Operator, settings: FinishSettings) -> list[_Phase]:
    """Many cheap steps, then few that see the curvature and the kinks."""
    dimension = len(operator.parameters)
    size = dimension if dimension <= _WHOLE else _KRYLOV
    return [
        _Phase(QuasiNewtonHistory(dimension, settings.history), None, settings.iterations),
        _Phase(_newton(size, settings), operator.kinks, settings.newton),
    ]


def _named(test: Stationarity) -> str:
    """What a test measured, in words."""
    match test.test:
        case FirstOrderTest.GRADIENT:
            return f"the gradient norm is {test.norm:.2g}"
        case FirstOrderTest.DIRECTIONAL:
            return f"on {test.kinks} kinks no direction leads down by more than {test.norm:.2g}"
        case FirstOrderTest.COMBINATION:
            return (
                f"on {test.kinks} kinks the shortest combination of one-sided gradients has the "
                f"length {test.norm:.2g} (an approximate test)"
            )


def _stands(test: Stationarity) -> str:
    return f"A minimum to first order: {_named(test)}."


def _unfinished(stop: DescentEnd, test: Stationarity) -> str:
    why = "Steps or passes ran out" if stop is DescentEnd.LIMIT else "No step led further down"
    return f"{why}: {_named(test)}."
