"""What is held of the transition before any trial: its place, its slope and its lapse."""

from math import log, pi, sqrt
from statistics import NormalDist
from typing import Final

import numpy as np

from emc.search.limits import Limits

SLOPES: Final = np.geomspace(0.008, 0.8, 20)
"""Scales of the logistic curve in log n: 10 to 90 % over factors from 1.04 to 34."""

LAPSES: Final = np.array([0.002, 0.01, 0.05])
LAPSE_PRIOR: Final = np.array([0.5, 0.35, 0.15])

_BEFORE_IT_NARROWS: Final = 40
_NORMAL: Final = 1.96

_MISTAKEN: Final = 0.03
"""Probability that what is expected has nothing to do with the cell; the rest is log-normal."""

_WITHIN: Final = NormalDist().inv_cdf(0.5 + 0.5 * 0.95 / (1.0 - _MISTAKEN))
"""Deviations of the log-normal part that make 0.95 of the whole."""


def expected_probes(limits: Limits) -> np.ndarray:
    """Probes a search spends at each slope, nearly: as simulated searches do.

    Some bracket emc50 and learn the slope, the others make the interval narrow.

    A probe at emc50 has Fisher information 1 / (2 slope)^2 on log emc50.
    """
    wanted = (_NORMAL * 2.0 * SLOPES / limits.tolerance) ** 2
    return np.minimum(limits.probes, _BEFORE_IT_NARROWS + wanted)


def log_prior(limits: Limits, centres: np.ndarray) -> np.ndarray:
    """Log weights of lapse, slope and log emc50 [lapses, slopes, centres].

    Uniform in the logarithm of the slope, under which credible intervals of a location cover as
    they claim in a fixed number of probes, times the root of the expected number of probes: the
    reference prior where stopping depends on the parameter (Ye 1993). A search stops sooner where
    the slope happens to look steep, and without that factor its intervals are too narrow.
    """
    slopes = 0.5 * np.log(expected_probes(limits))[:, None]
    return np.asarray(np.log(LAPSE_PRIOR)[:, None, None] + slopes + _place(limits, centres))


def _place(limits: Limits, centres: np.ndarray) -> np.ndarray:
    """Log density of log emc50, with tails that let trials overrule a mistaken expectation."""
    if limits.expected is None:
        return np.zeros_like(centres)
    low, high = limits.range
    deviation = log(limits.expected.factor) / _WITHIN
    away = (centres - log(limits.expected.emc50)) / deviation
    normal = np.exp(-0.5 * away**2) / (deviation * sqrt(2.0 * pi))
    return np.asarray(np.log((1.0 - _MISTAKEN) * normal + _MISTAKEN / (high - low)))
