"""What an operator tells of the kinks of its objective."""

from typing import NamedTuple, Protocol

import numpy as np

from emc.nets.layers import Layers


class Kinks(NamedTuple):
    """Some kinks as seen from a point.

    `values` [k] are c at the point, `normals` [k, P] the gradients of c, `slopes` [k] the factors
    of max(0, c), and `on` [k] says whether the point's gradient is the one of c > 0.
    """

    values: np.ndarray
    normals: np.ndarray
    slopes: np.ndarray
    on: np.ndarray


class KnownKinks(Protocol):
    """What is known of an objective's kinks; places are rows of int64 [k, 4]."""

    @property
    def net(self) -> Layers:
        """The net whose kinks they are."""

    @property
    def any(self) -> bool:
        """Whether the objective has kinks at all."""

    @property
    def additive(self) -> bool:
        """Whether no kink lies above another."""

    def scales(self, parameters: np.ndarray) -> np.ndarray:
        """What each layer's kinks lie apart, about: its mean |z| at a point [P], [layers]."""

    def crossed(self, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        """Places of the kinks on whose other side a second point [P] lies."""

    def near(self, parameters: np.ndarray, width: float) -> np.ndarray:
        """Places of the kinks within `width` of a point [P], relative to their layer's mean."""

    def look(self, parameters: np.ndarray, places: np.ndarray) -> Kinks:
        """Values, normals and slopes of the kinks at these places, at a point [P]."""
