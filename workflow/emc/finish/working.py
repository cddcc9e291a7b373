"""The kinks that a model of the objective works with, as seen from one point."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from emc.curvature.kinks import Kinks


@dataclass(frozen=True, slots=True, eq=False)
class Working:
    """Some convex kinks: slope * max(0, c) with a positive slope, which can hold a minimum.

    `idle` [k] counts the steps since each was last within reach.
    """

    places: np.ndarray
    kinks: Kinks
    idle: np.ndarray

    @classmethod
    def none(cls, dimension: int) -> Self:
        """No kinks, of an objective of `dimension` parameters."""
        kinks = Kinks(np.zeros(0), np.zeros((0, dimension)), np.zeros(0), np.zeros(0, bool))
        return cls(np.zeros((0, 4), np.int64), kinks, np.zeros(0, np.int64))

    def __len__(self) -> int:
        """How many there are."""
        return len(self.places)

    def joined(self, places: np.ndarray, kinks: Kinks) -> "Working":
        """With others, seen from the same point."""
        return Working(
            np.concatenate([self.places, places]),
            Kinks(*map(np.concatenate, zip(self.kinks, kinks, strict=True))),
            np.concatenate([self.idle, np.zeros(len(places), np.int64)]),
        )

    def only(self, chosen: np.ndarray) -> "Working":
        """Those that are chosen, by a mask or indices."""
        kinks = Kinks(*(part[chosen] for part in self.kinks))
        return Working(self.places[chosen], kinks, self.idle[chosen])

    def unknown(self, places: np.ndarray) -> np.ndarray:
        """Those of some places that are not among these."""
        known = set(map(tuple, self.places.tolist()))
        new = [tuple(place) not in known for place in places.tolist()]
        kept: np.ndarray = places[np.array(new, bool)]
        return kept

    def off(self, gradient: np.ndarray) -> np.ndarray:
        """The gradient that the point would have on the off side of them all."""
        off: np.ndarray = gradient - (self.kinks.on * self.kinks.slopes) @ self.kinks.normals
        return off

    def rise(self, along: np.ndarray, length: float) -> float:
        """How much their terms rise over a step, given `along` [k], the normals' parts of it."""
        values = self.kinks.values
        rises = np.maximum(0, values + length * along) - np.maximum(0, values)
        return float(self.kinks.slopes @ rises)
