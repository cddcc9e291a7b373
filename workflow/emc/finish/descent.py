"""Downhill from a point, step by step, over kinks and along them."""

from math import isfinite
from typing import Final, NamedTuple

import numpy as np

from emc.curvature.kinks import Kinks, KnownKinks
from emc.curvature.operator import FirstOrder, Operator
from emc.curvature.parameters import EndPointError
from emc.curvature.quasi_newton import QuasiNewton
from emc.finish.metric import Metric
from emc.finish.model import ModelStep, model_step
from emc.finish.working import Working
from emc.native.descent import DescentEnd, DescentLimits

_ENOUGH: Final = 1e-4
"""A step has to fall by this part of what its model promises (Armijo)."""
_FLATTER: Final = 0.9
"""A step is tried twice as long while the slope at its end is steeper than so much of the first."""
_LENGTHS: Final = 30
_DOUBLINGS: Final = 6
_TAKEN_IN: Final = 10
"""How often kinks are taken in before a step is shortened in their place."""
_ROUNDING: Final = 1e-13
"""Relative to the loss; what is less is told from the gradient."""


class Place(NamedTuple):
    """A point that the descent was at: its operator, with loss, gradient and accuracy."""

    operator: Operator
    seen: FirstOrder

    @property
    def parameters(self) -> np.ndarray:
        """The point, float64 [P]."""
        return self.operator.parameters


def look(operator: Operator, parameters: np.ndarray) -> Place:
    """The objective at a point; overflow makes its numbers infinite."""
    there = operator.at(parameters)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        return Place(there, there.first_order())


def _check_finite(seen: FirstOrder) -> None:
    norm = float(np.linalg.norm(seen.gradient))
    if not isfinite(seen.loss + norm):
        raise EndPointError(
            f"the end point has loss {seen.loss} and gradient norm {norm}: not finite"
        )


class Stand(NamedTuple):
    """Where a descent stood: the point, the places of the kinks that held it, and its steps."""

    place: Place
    held: np.ndarray
    iterations: int


class Descent:
    """How far a descent has come."""

    def __init__(self, operator: Operator, fits: float) -> None:
        """Start at the operator's point; an accuracy of `fits` is a fit.

        Raises:
            EndPointError: the loss or its gradient is not finite there.
        """
        self.place = look(operator, operator.parameters)
        self.held = Working.none(0).places
        self.iterations = 0
        _check_finite(self.place.seen)
        self._fits = fits
        self._kinks: KnownKinks | None = None
        self._working = Working.none(len(operator.parameters))

    @property
    def fits(self) -> bool:
        """Whether the point is a fit."""
        return self.place.seen.accuracy >= self._fits

    def move(self, place: Place) -> None:
        """Go on from another point."""
        self.place = place
        self._working = Working.none(len(place.parameters))

    @property
    def stand(self) -> Stand:
        """Where it stands, to return to."""
        return Stand(self.place, self.held, self.iterations)

    def return_to(self, stand: Stand) -> None:
        """Stand where it stood before, as if no step had been taken since."""
        self.move(stand.place)
        self.held, self.iterations = stand.held, stand.iterations

    def follow(
        self, compiled: QuasiNewton, steps: int, evaluations: int, gradient: float
    ) -> DescentEnd:
        """Go where compiled steps lead: as `go_on`, in the metric of the last steps, without kinks.

        At most `evaluations` evaluations are made before the last step.
        """
        limits = DescentLimits(steps, evaluations, gradient, self._fits)
        came = compiled.go_on(self.place.parameters, limits)
        self.iterations += came.steps
        self.held = self.held[:0]
        self.move(look(self.place.operator, came.parameters))
        return came.stop

    def go_on(
        self, metric: Metric, known_kinks: KnownKinks | None, iterations: int, gradient: float
    ) -> DescentEnd:
        """Take `iterations` steps, or fewer where it fits, jams or stands at a first-order point.

        There the combination of gradient and normals is at most `gradient` long.

        Kinks are worked with where `known_kinks` tells of any. `held` are then the places of those
        that the point stands on.
        """
        self._metric = metric
        self._kinks = known_kinks if known_kinks is not None and known_kinks.any else None
        stop = self.iterations + iterations
        while not self.fits:
            step = self._model()
            self.held = step.working.places[step.holding]
            if np.linalg.norm(step.combination) <= gradient and step.misplaced <= _TOUCHING:
                return DescentEnd.STATIONARY
            if self.iterations >= stop:
                return DescentEnd.LIMIT
            if not self._advance(step):
                return DescentEnd.JAM
        return DescentEnd.FITS

    def _model(self) -> ModelStep:
        gradient = self.place.seen.gradient
        self._metric.ready(self.place.operator, gradient)
        return model_step(gradient, self._working, self._metric)

    def _advance(self, step: ModelStep) -> bool:
        """Take a step, after taking in the kinks that it would run into; False: no way down."""
        while not self._searched(step):
            if not self._metric.shorten():
                return False
            self._working = Working.none(len(step.direction))
            step = self._model()
        return True

    def _searched(self, step: ModelStep) -> bool:
        """Whether a length of the step, or of one that knows more kinks, led down."""
        length, taken_in = 1.0, 0
        for _ in range(_LENGTHS):
            place = self._at(step, length)
            if self._falls(step, place, length):
                self._accept(step, *self._longer(step, place, length))
                return True
            if taken_in < _TAKEN_IN and self._take_in(step, place, length):
                step, length, taken_in = self._model(), 1.0, taken_in + 1
            else:
                length = self._shorter(step, place, length)
        return False

    def _at(self, step: ModelStep, length: float) -> Place:
        return look(self.place.operator, self.place.parameters + length * step.direction)

    def _falls(self, step: ModelStep, place: Place, length: float) -> bool:
        """Whether the loss falls by enough of what the model says; by rounding, the gradient."""
        here, there, rise = self.place.seen, place.seen, step.rise(length)
        if not (isfinite(there.loss) and np.isfinite(there.gradient).all()):
            return False
        if -rise > _ROUNDING * abs(here.loss):
            return there.loss <= here.loss + _ENOUGH * rise
        flatter = np.linalg.norm(there.gradient) < np.linalg.norm(here.gradient)
        return bool(flatter and there.loss <= here.loss + _ROUNDING * abs(here.loss))

    def _longer(self, step: ModelStep, place: Place, length: float) -> tuple[Place, float]:
        """A longer step while the loss goes on falling about as steeply as at its start."""
        steep = _FLATTER * float(self.place.seen.gradient @ step.direction)
        for _ in range(_DOUBLINGS if length == 1 and not len(step.working) else 0):
            if place.seen.gradient @ step.direction >= steep:
                break
            further = self._at(step, 2 * length)
            if not further.seen.loss < place.seen.loss:
                break
            place, length = further, 2 * length
        return place, length

    def _shorter(self, step: ModelStep, place: Place, length: float) -> float:
        """The length where a parabola through both ends and the first slope is least."""
        rise = step.rise(length)
        excess = place.seen.loss - self.place.seen.loss - rise
        if not (isfinite(excess) and excess > 0):
            return length / 10
        return length * min(max(-rise / (2 * excess), 0.1), 0.5)

    def _take_in(self, step: ModelStep, place: Place, length: float) -> bool:
        """Take in the kinks that explain why the loss rose over the model; if there are any."""
        places = self._crossed(place)
        if not len(places):
            return False
        assert self._kinks is not None
        kinks = self._kinks.look(self.place.parameters, places)
        along = kinks.normals @ step.direction
        linear = np.where(kinks.on, length * along, 0)
        rises = np.maximum(0, kinks.values + length * along) - np.maximum(0, kinks.values) - linear
        excess = place.seen.loss - self.place.seen.loss - step.rise(length)
        shares = kinks.slopes * rises / excess
        strongest = np.argsort(-shares)[:_MOST]
        chosen = strongest[shares[strongest] > _SHARE]
        if shares[chosen].sum() < _EXPLAINED:
            return False
        new = Working.none(len(step.direction)).joined(places, kinks).only(chosen)
        self._working = self._working.joined(new.places, new.kinks)
        return True

    def _crossed(self, place: Place) -> np.ndarray:
        """Places of the kinks between here and there that are not worked with."""
        if self._kinks is None:
            return self._working.places[:0]
        crossed = self._kinks.crossed(self.place.parameters, place.parameters)
        return self._working.unknown(crossed)

    def _accept(self, step: ModelStep, place: Place, length: float) -> None:
        """Go there: learn from the step, and work with the kinks that matter there."""
        crossed = self._crossed(place)
        working, change = step.working, place.seen.gradient - step.combination
        moved = place.parameters - self.place.parameters
        if self._kinks is not None and len(working) + len(crossed):
            places = np.concatenate([working.places, crossed])
            kinks = self._kinks.look(place.parameters, places)
            known = np.arange(len(places)) < len(working)
            # The change of the gradient on one side of every kink, wherever the step has ended.
            shares = np.where(kinks.on, 1.0, 0.0) * kinks.slopes
            kept = np.concatenate([step.multipliers, ~kinks.on[~known] * kinks.slopes[~known]])
            jump = np.linalg.norm(kinks.normals, axis=1) * kinks.slopes
            strong = known | (jump > _STRONG * np.linalg.norm(step.combination))
            change = change + ((kept - shares) * strong) @ kinks.normals
            self._working = _in_reach(step, places, kinks, strong, moved)
        self._metric.learn(moved, change, length)
        self.place = place
        self.iterations += 1


def _in_reach(
    step: ModelStep, places: np.ndarray, kinks: Kinks, strong: np.ndarray, moved: np.ndarray
) -> Working:
    """The kinks to work with after a step: convex, strong, and not out of reach for long."""
    count = len(places) - len(step.working)
    used = np.concatenate([step.holding, np.ones(count, bool)])
    near = abs(kinks.values) <= _REACH * abs(kinks.normals @ moved)
    idle = np.concatenate([step.working.idle, np.zeros(count, np.int64)])
    idle = np.where(used | near, 0, idle + 1)
    return Working(places, kinks, idle).only(strong & (kinks.slopes > 0) & (idle < _IDLE))


_STRONG: Final = 0.3
"""A kink that a step crosses is worked with where the gradient jumps there by this much of its
own length."""
_MOST: Final = 30
"""Kinks that are taken in at once."""
_SHARE: Final = 0.03
"""The part of a rise over the model that a kink explains, for it to be taken in."""
_EXPLAINED: Final = 0.1
"""The part that they have to explain together."""
_IDLE: Final = 5
"""Steps after which a kink that lies out of reach is let go."""
_REACH: Final = 2.0
"""A kink is in reach where its value is at most this many times what the step changed it by."""
_TOUCHING: Final = 1e-6
"""Largest value of a kink that counts as touched."""
