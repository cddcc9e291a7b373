"""From where training stopped to a fit or a minimum."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from math import isfinite
from time import perf_counter
from typing import Final

import numpy as np

from emc.criteria import correct_needed
from emc.curvature.kinks import KnownKinks
from emc.curvature.operator import Operator
from emc.curvature.quasi_newton import QuasiNewton
from emc.finish.descent import Descent, look
from emc.finish.infinity import flat, in_channel, steepest
from emc.finish.metered import Meter, Metered
from emc.finish.metric import Krylov, Metric, QuasiNewtonHistory
from emc.finish.saddle import way_down
from emc.finish.settings import (
    DEFAULT,
    IN_TURN,
    KRYLOV,
    ONWARD,
    ONWARD_LEAST,
    WHOLE,
    FinishSettings,
)
from emc.finish.stationarity import Stationarity, first_order
from emc.native.descent import DescentEnd
from emc.records import Finish, FirstOrderTest, Outcome
from emc.seeds import generator

_ROUNDINGS: Final = (1.0, 0.1, 0.01, 1e-3)
"""Widths over which kinks are rounded off one after the other, relative to the first."""
_ANEW: Final = 1000
"""Steps after which a descent over kinks rounded off is begun anew, as long as the loss falls."""
_PUSH: Final = 1e-3
"""Length of a random push off a jam, relative to the norm of the parameters."""
_PUSHES: Final = 40
_DAMPING: Final = 1e-3
"""Least damping of Newton steps, unless a shorter gradient is asked for."""
_BLIND: Final = (2000, 20)
"""Most quasi-Newton steps over kinks that they do not see; where rounding them off came before."""
_LOOK: Final = 5
"""Steps after which the passes are looked at."""
_FINER: Final = 0.1
"""How much shorter the gradient has to be where a region turned out to be flat."""
_FALL: Final = 0.02
"""The loss stands still where going on lowers it by no more than this part of itself."""
_ONWARD_GRADIENT: Final = 1e-4
"""A gradient so much shorter than that of a minimum ends that, too."""


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
        # Kernels compiled for it now count as no time of the finish.
        operator.single()
        self._began = perf_counter()
        self._settings = settings
        self._kinks = operator.kinks
        needed = correct_needed(criterion, operator.samples) / operator.samples
        self._meter = Meter(settings.passes)
        self._sharp = Metered(operator, self._meter)
        self._phases = _phases(self._sharp, settings, self._kinks)
        self._descent = Descent(self._sharp, needed)
        self._tolerance = settings.gradient
        self._pushes, self._escapes = _PUSHES, 0
        self._blurred = False

    def answer(self) -> Finished:
        """Descend, and look at each point where that stops, the first one included."""
        if not self._descent.fits:
            test = self._tested()
            if test.norm > self._tolerance:
                self._approach()
            elif (end := self._rest(test)) is not None:
                return self._end(*end, test)
        while True:
            stop = self._descend()
            if stop is DescentEnd.FITS:
                return self._end(*self._fitted(), None)
            test = self._tested()
            if stop is not DescentEnd.STATIONARY:
                return self._end(Outcome.OPEN, _unfinished(stop, test), test)
            end = self._leave(test) if test.norm > self._tolerance else self._rest(test)
            if end is not None:
                return self._end(*end, test)

    def _fitted(self) -> tuple[Outcome, str]:
        """What a fit is: none with kinks rounded off alone."""
        self._sharpen()
        if self._descent.fits:
            return Outcome.FINISHED, "The accuracy reached the criterion."
        return Outcome.OPEN, "The accuracy reached the criterion with kinks rounded off only."

    def _tested(self) -> Stationarity:
        """Test the point.

        A gradient with kinks rounded off is a convex combination of one-sided gradients close by.
        """
        test = first_order(self._descent.place, self._kinks, self._descent.held)
        return test._replace(test=FirstOrderTest.COMBINATION) if self._blurred else test

    def _approach(self) -> None:
        """Descend where nothing jams: with kinks rounded off, less and less, and in float32 first.

        The descent's point is then one of the objective as it is; where its kinks are not known one
        by one, of the objective with kinks rounded off over the last width, which stands for it.
        """
        for rounding, precise in product(_ROUNDINGS, (False, True)):
            for _ in range(-(-self._settings.iterations // _ANEW)):
                if not self._leads(rounding, precise):
                    break
        last = None if self._stops else self._rounded(_ROUNDINGS[-1])
        if last is None:
            return
        self._descent.move(look(last, last.parameters))
        self._in_turn(_phases(last, self._settings, None))
        self._sharpen()
        if self._kinks is None and not self._stops:
            self._blur()

    def _sharpen(self) -> None:
        """Look at the objective as it is, where the descent stands."""
        self._descent.move(look(self._sharp, self._descent.place.parameters))

    @property
    def _stops(self) -> bool:
        return self._descent.fits or self._meter.spent

    def _blur(self) -> None:
        """From here on descend, and test, with kinks rounded off over the last width."""
        if (last := self._rounded(_ROUNDINGS[-1])) is not None:
            self._blurred, self._phases = True, _phases(last, self._settings, None)
            self._descent.move(look(last, last.parameters))

    def _leads(self, rounding: float, precise: bool) -> bool:
        """Take quasi-Newton steps over kinks rounded off; whether more of them lead further down.

        What counts is the loss with the kinks as they are: where that has risen the steps are taken
        back. Widths follow the layers' scales where the descent stands. Where kinks are rounded off
        most, it goes on to a much shorter gradient: elsewhere it is slower.
        """
        easier = None if self._stops else self._easier(rounding)
        if easier and not precise:
            easier = easier.single()
        if easier is None:
            return False
        stood, tolerance = self._descent.stand, self._tolerance
        if rounding == 1:
            self._tolerance = min(tolerance, self._settings.gradient * _ONWARD_GRADIENT)
        self._descent.move(look(easier, easier.parameters))
        stop = self._go_through(_quasi_newton(easier, self._settings), _ANEW)
        self._sharpen()
        self._tolerance = tolerance
        if self._descent.place.seen.loss > stood.place.seen.loss and not self._descent.fits:
            self._descent.return_to(stood)
            return False
        return stop is not DescentEnd.STATIONARY and self._fell(stood.place.seen.loss)

    def _easier(self, rounding: float) -> Metered | None:
        """The objective at the descent's point, with its kinks rounded off so much.

        Without kinks it is as it is, and None but at the first width; None, too, where kinks cannot
        be rounded off.
        """
        rounded = self._rounded(rounding)
        smooth = rounded is None and not self._kinked and rounding == 1
        return self._sharp.at(self._descent.place.parameters) if smooth else rounded

    @property
    def _kinked(self) -> bool:
        return self._kinks is not None and self._kinks.any

    def _rounded(self, rounding: float) -> Metered | None:
        """The objective with its kinks rounded off, over so much of the first width.

        None where that is not asked for, or cannot be done.
        """
        width = rounding * self._settings.rounding
        here = self._sharp.at(self._descent.place.parameters)
        scales = here.scales() if width else None
        return None if scales is None else here.rounded(width * scales)

    def _in_turn(self, phases: "Sequence[_Steps | _Compiled]") -> DescentEnd:
        """Take many cheap steps and few exact ones in turn, until none is left or leads down.

        Exact ones have to wait while cheap ones still lower the loss: in a long valley they get no
        further than these, at many times the passes.
        """
        longer = 1
        while True:
            for phase, steps in zip(phases, IN_TURN, strict=True):
                before = self._descent.place.seen.loss
                stop = self._go_through(phase, longer * steps)
                if stop in (DescentEnd.FITS, DescentEnd.STATIONARY) or self._meter.spent:
                    return stop
                if phase is phases[0] and phase.left and self._fell(before):
                    break
            else:
                if stop is DescentEnd.JAM or not any(phase.left for phase in phases):
                    return stop
            longer *= 2

    def _descend(self) -> DescentEnd:
        """Descend the objective as it is, with the steps that are left."""
        while True:
            stop = self._along_kinks() if self._kinked else self._in_turn(self._phases)
            if stop is not DescentEnd.JAM or not self._pushes or self._meter.spent:
                return stop
            self._push()

    def _along_kinks(self) -> DescentEnd:
        """Take cheap steps once, then exact ones that see kinks, and stay on those that hold."""
        if len(self._phases) > 1:
            before = self._rounded(1.0) is not None
            stop = self._go_through(self._phases.pop(0), _BLIND[before])
            if stop in (DescentEnd.FITS, DescentEnd.STATIONARY) or self._meter.spent:
                return stop
        return self._go_through(self._phases[0], self._phases[0].left)

    def _go_through(self, phase: "_Steps | _Compiled", most: int) -> DescentEnd:
        """Take `most` steps of a phase, while some are left, and passes for them."""
        stop = max(phase.left - most, 0)
        while True:
            before = self._descent.iterations
            end = phase.go(self._descent, phase.left - stop, self._meter.left, self._tolerance)
            phase.left -= self._descent.iterations - before
            if end is not DescentEnd.LIMIT or phase.left == stop or self._meter.spent:
                return end

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

    def _rest(self, test: Stationarity) -> tuple[Outcome, str] | None:
        """What a stationary point is, or None where the descent goes on from a lower one.

        A short gradient alone tells little: in a long valley it is short and the loss falls on.
        """
        if self._meter.spent:
            return Outcome.OPEN, _unseen(test)
        passes = self._onward()
        stood = self._descent.stand
        stop = self._go_on(min(passes, self._meter.limit))
        if self._descent.fits:
            return None
        if self._fell(stood.place.seen.loss):
            self._approach()
            return None
        self._descent.return_to(stood)
        if stop is DescentEnd.LIMIT and self._meter.made < passes:
            return Outcome.OPEN, _unseen(test)
        return self._settle(test)

    def _fell(self, before: float) -> bool:
        """Whether the loss is lower than before by more than where it stands still."""
        return before - self._descent.place.seen.loss > _FALL * abs(before)

    def _onward(self) -> float:
        """Until how many passes the descent goes on to see whether the loss stands still."""
        limit, made = self._meter.limit, self._meter.made
        if not isfinite(limit):
            return made + made + ONWARD_LEAST
        return made + max(ONWARD * limit, ONWARD_LEAST)

    def _go_on(self, passes: float) -> DescentEnd:
        """Descend, with kinks rounded off anew, until so many passes are made or all samples fit.

        A much shorter gradient than at first ends it, too.
        """
        limit, tolerance = self._meter.limit, self._tolerance
        self._meter.limit, self._tolerance = passes, tolerance * _ONWARD_GRADIENT
        self._approach()
        stop = DescentEnd.FITS if self._descent.fits else self._descend()
        self._meter.limit, self._tolerance = limit, tolerance
        return stop

    def _settle(self, test: Stationarity) -> tuple[Outcome, str] | None:
        """What a point is where the loss stands still, or None where a lower one is known."""
        place = self._descent.place
        if (lower := way_down(place, test.held)) is not None:
            if self._escapes == self._settings.escapes:
                return Outcome.OPEN, f"A saddle, after {self._escapes} others were left."
            self._escapes += 1
            self._descent.move(lower)
            self._approach()
            return None
        if (lower := flat(place, test.combination)) is not None:
            self._tolerance *= _FINER
            self._descent.move(lower)
            return None
        if self._kinks is not None and in_channel(place, self._kinks.net):
            return Outcome.OPEN, "Two units merge while their outputs grow apart, to infinity."
        return Outcome.MINIMUM, _stands(test)

    def _end(self, outcome: Outcome, reason: str, test: Stationarity | None) -> Finished:
        place = look(self._sharp, self._descent.place.parameters)
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
class _Steps:
    """Steps in one metric, over the kinks that are known, and how many are left."""

    metric: Metric
    kinks: KnownKinks | None
    left: int

    def go(self, descent: Descent, steps: int, passes: int, gradient: float) -> DescentEnd:  # noqa: ARG002
        """Take a few of them: so few that passes are looked at often enough."""
        return descent.go_on(self.metric, self.kinks, min(steps, _LOOK), gradient)


@dataclass(slots=True)
class _Compiled:
    """Compiled steps, and how many are left."""

    steps: QuasiNewton
    left: int

    def go(self, descent: Descent, steps: int, passes: int, gradient: float) -> DescentEnd:
        """Take them all, or as many as the passes allow."""
        return descent.follow(self.steps, steps, passes, gradient)


def _phases(
    operator: Operator, settings: FinishSettings, kinks: KnownKinks | None
) -> list[_Steps | _Compiled]:
    """Many cheap steps, and few that see the curvature and the kinks that are known."""
    dimension = len(operator.parameters)
    size = dimension if dimension <= WHOLE else KRYLOV
    metric = Krylov(size, min(_DAMPING, settings.gradient))
    return [_quasi_newton(operator, settings), _Steps(metric, kinks, settings.newton)]


def _quasi_newton(operator: Operator, settings: FinishSettings) -> _Steps | _Compiled:
    compiled = operator.quasi_newton(settings.history)
    if compiled is not None:
        return _Compiled(compiled, settings.iterations)
    history = QuasiNewtonHistory(len(operator.parameters), settings.history)
    return _Steps(history, None, settings.iterations)


def _named(test: Stationarity) -> str:
    """What a test measured, in words."""
    match test.test:
        case FirstOrderTest.GRADIENT:
            return f"the gradient norm is {test.norm:.2g}"
        case FirstOrderTest.DIRECTIONAL:
            return f"on {test.kinks} kinks no direction leads down by more than {test.norm:.2g}"
        case FirstOrderTest.COMBINATION if not test.kinks:
            return (
                f"with kinks rounded off to a trace the gradient norm is {test.norm:.2g}"
                " (an approximate test)"
            )
        case FirstOrderTest.COMBINATION:
            return (
                f"on {test.kinks} kinks the shortest combination of one-sided gradients has the "
                f"length {test.norm:.2g} (an approximate test)"
            )


def _stands(test: Stationarity) -> str:
    return (
        f"A minimum to first order: {_named(test)}, and going on lowered the loss by at most"
        f" {_FALL:.0%}."
    )


def _unseen(test: Stationarity) -> str:
    return f"Steps or passes ran out before the loss was seen to stand still: {_named(test)}."


def _unfinished(stop: DescentEnd, test: Stationarity) -> str:
    why = "Steps or passes ran out" if stop is DescentEnd.LIMIT else "No step led further down"
    return f"{why}: {_named(test)}."
