"""The distribution of the Hessian's eigenvalues, as values with the share that each stands for."""

from dataclasses import dataclass
from typing import Final

import numpy as np

PER_DECADE: Final = 4
DECADES: Final = 8


@dataclass(frozen=True, slots=True, eq=False)
class Spectrum:
    """Eigenvalues, ascending, and the share of all P dimensions that each stands for (sum 1)."""

    values: np.ndarray
    shares: np.ndarray

    def density(self, at: np.ndarray, width: float) -> np.ndarray:
        """Density at the points `at`, smoothed by a Gaussian of standard deviation `width`."""
        z = (at[:, None] - self.values) / width
        density: np.ndarray = np.exp(-z * z / 2) @ self.shares / (width * np.sqrt(2 * np.pi))
        return density

    def below(self, value: float) -> float:
        """The share of the eigenvalues that lie below `value`."""
        return float(self.shares[self.values < value].sum())

    @property
    def mean(self) -> float:
        """The mean eigenvalue, the trace divided by P."""
        return float(self.values @ self.shares)

    def merged(self) -> "Spectrum":
        """The same shares on few values, with the same mean.

        Values of one sign within a quarter of a decade become their mean, as do all that are
        smaller than 1e-8 of the largest in magnitude.
        """
        scale = max(float(abs(self.values).max()), float(np.finfo(np.float64).tiny))
        size = np.maximum(abs(self.values) / scale, 10.0**-DECADES)
        level = np.ceil(PER_DECADE * (np.log10(size) + DECADES))
        bins, place = np.unique(np.sign(self.values) * level, return_inverse=True)
        shares = np.bincount(place, self.shares, len(bins))
        sums = np.bincount(place, self.shares * self.values, len(bins))
        kept = shares > 0
        return Spectrum(sums[kept] / shares[kept], shares[kept])
