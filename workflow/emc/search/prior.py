"""What is held of the transition before any trial: its place, its slope and its shape."""

from math import log, pi, sqrt
from statistics import NormalDist
from typing import Final

import numpy as np

from emc.search.curve import GUESS, CurveShape, probability
from emc.search.limits import Limits

SLOPES: Final = np.geomspace(0.008, 0.8, 12)
"""Scales of the logistic curve in log n: 10 to 90 % over factors from 1.04 to 34."""

_STRAIGHT: Final = (
    (0.004, GUESS, 0.40),
    (0.03, GUESS, 0.16),
    (0.22, GUESS, 0.015),
    (0.40, GUESS, 0.015),
    (0.01, 0.22, 0.015),
    (0.01, 0.40, 0.015),
)
"""Lapse, guess and prior probability of each shape without skew."""

SKEWED: Final = ((5.0, 0.19), (0.2, 0.19))
"""Skew and prior probability of each shape with one; their lapse is 0.01."""

SMOOTH: Final = 2
"""The first `SMOOTH` shapes are each one symmetric transition of nearly all runs."""

_FIRST_SKEWED: Final = len(_STRAIGHT)
FAMILIES: Final = (
    slice(0, SMOOTH),
    slice(_FIRST_SKEWED, _FIRST_SKEWED + 1),
    slice(_FIRST_SKEWED + 1, _FIRST_SKEWED + 2),
)
"""Shapes of each family of one transition of nearly all runs: symmetric, shallow beyond emc50,
shallow below it."""

FIRST_SHAPES: Final = (0, SMOOTH, _FIRST_SKEWED, _FIRST_SKEWED + 1)
"""The first shape of each family, the second being that of many runs unlike the others."""

_LAPSES, _GUESSES, _ = np.array(_STRAIGHT, np.float32).T[:, :, None, None]
_ONE: Final = np.ones((1, 1, 1), np.float32)
_FAMILIES: Final = (
    CurveShape(_LAPSES, _GUESSES, _ONE),
    CurveShape(0.01 * _ONE, GUESS * _ONE, np.array(SKEWED, np.float32)[:, :1, None]),
)
"""Shapes whose odds are alike stand together, so that these are computed once."""

SHAPE_PRIOR: Final = np.array([row[-1] for row in _STRAIGHT + SKEWED])


def curves(log_n: np.ndarray, centres: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """Pr[fit | n] of every shape, float32 [..., shapes, slopes, centres]; log_n [..., 1, 1, 1].

    Single precision errs by 3e-5 of a probability at most, where slopes are sharp: twice as fast.
    """
    at, centre, slope = (part.astype(np.float32) for part in (log_n, centres, slopes[:, None]))
    straight, skewed = _FAMILIES
    apart = np.broadcast_shapes(at.shape, (len(SHAPE_PRIOR), 1, 1), centre.shape, slope.shape)
    found = np.empty(apart, np.float32)
    probability(at, centre, slope, straight, out=found[..., :_FIRST_SKEWED, :, :])
    probability(at, centre, slope, skewed, out=found[..., _FIRST_SKEWED:, :, :])
    return found


_BEFORE_IT_NARROWS: Final = 32
_OVER_KNOWN_CURVE: Final = 3.4
"""Probes that narrow the interval, over those that would do if all but emc50 were known."""

_NORMAL: Final = 1.96

_MISTAKEN: Final = 0.03
"""Probability that what is expected has nothing to do with the cell; the rest is log-normal."""

_WITHIN: Final = NormalDist().inv_cdf(0.5 + 0.5 * 0.95 / (1.0 - _MISTAKEN))
"""Deviations of the log-normal part that make 0.95 of the whole."""


def expected_probes(limits: Limits) -> np.ndarray:
    """Probes a search spends at each slope, nearly: as simulated searches do.

    Some bracket emc50, the others make the interval narrow and tell slopes and families apart.
    A probe at emc50 has Fisher information 1 / (2 slope)^2 on log emc50.
    """
    wanted = (_NORMAL * 2.0 * SLOPES / limits.tolerance) ** 2
    return np.minimum(limits.probes, _BEFORE_IT_NARROWS + _OVER_KNOWN_CURVE * wanted)


def log_prior(limits: Limits, centres: np.ndarray) -> np.ndarray:
    """Log weights of shape, slope and log emc50 [shapes, slopes, centres].

    Uniform in the logarithm of the slope, under which credible intervals of a location cover as
    they claim in a fixed number of probes, times the root of the expected number of probes: the
    reference prior where stopping depends on the parameter (Ye 1993). A search stops sooner where
    the slope happens to look steep, and without that factor its intervals are too narrow.
    """
    slopes = 0.5 * np.log(expected_probes(limits))[:, None]
    return np.asarray(np.log(SHAPE_PRIOR)[:, None, None] + slopes + _place(limits, centres))


def _place(limits: Limits, centres: np.ndarray) -> np.ndarray:
    """Log density of log emc50, with tails that let trials overrule a mistaken expectation."""
    if limits.expected is None:
        return np.zeros_like(centres)
    low, high = limits.range
    deviation = log(limits.expected.factor) / _WITHIN
    away = (centres - log(limits.expected.emc50)) / deviation
    normal = np.exp(-0.5 * away**2) / (deviation * sqrt(2.0 * pi))
    return np.asarray(np.log((1.0 - _MISTAKEN) * normal + _MISTAKEN / (high - low)))
