"""Objectives of known minima: a parabola with creases, and small nets."""

from copy import copy

import numpy as np

from emc.curvature.kinks import Kinks
from emc.curvature.objective import Objective
from emc.curvature.operator import FirstOrder

DECAYING = Objective(weight_decay=1.0)


class Creases:
    """Kinks slope * max(0, n'x - t), by normals [k, P], offsets t [k] and slopes [k]."""

    additive = True
    net = ()

    def __init__(self, normals: np.ndarray, offsets: np.ndarray, slopes: np.ndarray) -> None:
        self.normals, self.offsets, self.slopes = normals, offsets, slopes

    @property
    def any(self) -> bool:
        return len(self.slopes) > 0

    def scales(self, parameters: np.ndarray) -> np.ndarray:
        return np.array([abs(self.values(parameters)).mean()])

    def values(self, x: np.ndarray) -> np.ndarray:
        return self.normals @ x - self.offsets

    def places(self, which: np.ndarray) -> np.ndarray:
        """The number of a kink stands in the sample's column; all belong to one unit."""
        found = np.full((len(which), 4), -1)
        found[:, 0], found[:, 1], found[:, 2] = 0, which, 0
        return found

    def crossed(self, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        return self.places(np.flatnonzero((self.values(before) > 0) != (self.values(after) > 0)))

    def near(self, parameters: np.ndarray, width: float) -> np.ndarray:
        return self.places(np.flatnonzero(abs(self.values(parameters)) <= width))

    def look(self, parameters: np.ndarray, places: np.ndarray) -> Kinks:
        which = places[:, 1]
        values = self.values(parameters)[which]
        return Kinks(values, self.normals[which], self.slopes[which], values > 0)


class Creased:
    """x'Hx / 2 - a'x + creases, at a point; nothing ever fits."""

    objective, samples = DECAYING, 10

    def __init__(
        self, hessian: np.ndarray, pull: np.ndarray, kinks: Creases, start: np.ndarray
    ) -> None:
        self.hessian, self.pull, self.kinks = hessian, pull, kinks
        self.parameters = start
        self.width = 0.0

    def scales(self) -> np.ndarray | None:
        return self.kinks.scales(self.parameters) if self.kinks.any else None

    def rounded(self, widths: np.ndarray) -> "Creased":
        other = copy(self)
        other.width = float(widths[0])
        return other

    def at(self, parameters: np.ndarray) -> "Creased":
        other = copy(self)
        other.parameters = parameters
        return other

    def single(self) -> None:
        return None

    def quasi_newton(self, history: int) -> None:
        return None

    def first_order(self) -> FirstOrder:
        x, kinks = self.parameters, self.kinks
        values = kinks.values(x)
        root = np.sqrt(values**2 + self.width**2)
        shares = (1 + values / root) / 2 if self.width else values > 0
        loss = x @ self.hessian @ x / 2 - self.pull @ x + kinks.slopes @ (values + root) / 2
        gradient = self.hessian @ x - self.pull + (kinks.slopes * shares) @ kinks.normals
        return FirstOrder(float(loss), gradient, 0.5)

    def products(self, vectors: np.ndarray) -> np.ndarray:
        if not self.width:
            return vectors @ self.hessian
        values, normals = self.kinks.values(self.parameters), self.kinks.normals
        bends = self.kinks.slopes * self.width**2 / (values**2 + self.width**2) ** 1.5 / 2
        return vectors @ self.hessian + (vectors @ normals.T * bends) @ normals

    def growing(self) -> str | None:
        return None

    def dense_within(self, products: int) -> bool:
        return False

    def dense(self) -> np.ndarray:
        return self.hessian.copy()


def creased(seed: int, *, dimension: int = 12, kinks: int = 20) -> Creased:
    """A strongly convex one: of random curvature between 0.1 and 10, and random convex creases."""
    draw = np.random.default_rng(seed)
    basis = np.linalg.qr(draw.normal(size=(dimension, dimension)))[0]
    hessian = (basis * np.geomspace(0.1, 10, dimension)) @ basis.T
    source = Creases(
        draw.normal(size=(kinks, dimension)), draw.normal(size=kinks), draw.uniform(0.1, 3, kinks)
    )
    return Creased(hessian, draw.normal(size=dimension) * 3, source, draw.normal(size=dimension))
