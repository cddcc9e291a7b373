"""First-order tests: does the objective fall off from a point, to first order, along any direction?

Where the point touches kinks, the objective's derivative along d is

    L'(d) = g'd + sum over touched kinks of slope max(0, n'd),

g being the gradient on their off side. For each choice of sides of the concave kinks (slope < 0)
the rest is convex, and its least value over unit directions is minus the length of the shortest
combination r = g + sum of chosen slopes n + N' mu, 0 <= mu <= slope. The steepest way down is that
of the longest r over all choices. With one hidden layer this is exact, and splits into one small
problem for each hidden unit, whose weights no other unit's kinks depend on (Yun, Sra and Jadbabaie
2019, "Efficiently testing local optimality and escaping saddles for ReLU networks"). Where kinks
lie above kinks, or windows tie, L' is not that sum at points that touch several of one sample:
there the test is approximate.
"""

from itertools import product
from typing import Final, NamedTuple

import numpy as np

from emc.curvature.kinks import Kinks, KnownKinks
from emc.finish.descent import Place
from emc.records import FirstOrderTest

_WIDTH: Final = 1e-7
"""A kink is touched within this much of the mean |z| of its layer."""
_NONE: Final = 1e-12
"""Kinks whose value no parameter changes by more than this are none."""
_AT_ONCE: Final = 4096
"""Kinks whose normals are in memory together; most near a point can be none."""
_CONCAVE: Final = 8
"""Concave kinks of one group whose sides are all tried; of more, the strongest are."""


class Stationarity(NamedTuple):
    """What a first-order test found.

    `norm` is the length of `combination` [P], minus which leads down most steeply; `held` [k, P]
    are the normals of the kinks that hold the point: whose shares in it are neither none nor all.
    """

    test: FirstOrderTest
    norm: float
    combination: np.ndarray
    held: np.ndarray
    kinks: int


def first_order(place: Place, known_kinks: KnownKinks | None, touched: np.ndarray) -> Stationarity:
    """Test a point; `touched` are places of kinks that are known to be touched, int64 [k, 4]."""
    gradient = place.seen.gradient
    places = _touched(place, known_kinks, touched)
    kinks = None if known_kinks is None else known_kinks.look(place.parameters, places)
    if known_kinks is None or kinks is None or not len(places):
        norm = float(np.linalg.norm(gradient))
        nothing = np.zeros((0, len(gradient)))
        return Stationarity(FirstOrderTest.GRADIENT, norm, gradient, nothing, 0)
    groups = places[:, 2] if known_kinks.additive else np.zeros(len(places), np.int64)
    combination = gradient - (kinks.on * kinks.slopes) @ kinks.normals
    held = np.zeros(len(places), bool)
    for group in np.unique(groups):
        mine = np.flatnonzero(groups == group)
        part = Kinks(*(each[mine] for each in kinks))
        terms, inside = _longest(combination, part)
        combination = combination + terms
        held[mine] = inside
    return Stationarity(
        test=FirstOrderTest.DIRECTIONAL if known_kinks.additive else FirstOrderTest.COMBINATION,
        norm=float(np.linalg.norm(combination)),
        combination=combination,
        held=kinks.normals[held],
        kinks=len(places),
    )


def _touched(place: Place, known_kinks: KnownKinks | None, known: np.ndarray) -> np.ndarray:
    if known_kinks is None or not known_kinks.any:
        return known[:0]
    near = known_kinks.near(place.parameters, _WIDTH)
    places = np.unique(np.concatenate([near, known]), axis=0)
    parts = [places[first : first + _AT_ONCE] for first in range(0, len(places), _AT_ONCE)]
    kinks = [part[_moved(known_kinks, place.parameters, part) > _NONE] for part in parts]
    return np.concatenate([known[:0], *kinks])


def _moved(known_kinks: KnownKinks, parameters: np.ndarray, places: np.ndarray) -> np.ndarray:
    """How much parameters of unit length change the values of kinks [k] at most."""
    lengths: np.ndarray = np.linalg.norm(known_kinks.look(parameters, places).normals, axis=1)
    return lengths


def _longest(gradient: np.ndarray, kinks: Kinks) -> tuple[np.ndarray, np.ndarray]:
    """What some kinks add to a gradient along the steepest way down, and which of them hold."""
    steps = kinks.slopes[:, None] * kinks.normals
    convex = np.flatnonzero(kinks.slopes > 0)
    concave = np.flatnonzero(kinks.slopes < 0)
    strongest = concave[np.argsort(-np.linalg.norm(steps[concave], axis=1))][:_CONCAVE]
    found = []
    for sides in product((0.0, 1.0), repeat=len(strongest)):
        base = gradient + np.array(sides) @ steps[strongest]
        shares = _shares(steps[convex], base)
        rest = base + shares @ steps[convex]
        found.append((float(np.linalg.norm(rest)), rest, shares))
    _, rest, shares = max(found, key=lambda one: one[0])
    held = np.zeros(len(kinks.slopes), bool)
    held[convex] = (shares > 0) & (shares < 1)
    return rest - gradient, held


def _shares(steps: np.ndarray, base: np.ndarray) -> np.ndarray:
    """The s [k] in [0, 1] of the shortest base + s steps."""
    if not len(steps):
        return np.zeros(0)
    # Loaded where kinks ask for it: it takes a third of a second, of each job's start.
    from scipy.optimize import lsq_linear

    shares: np.ndarray = lsq_linear(steps.T, -base, bounds=(0, 1), method="bvls").x
    return shares
