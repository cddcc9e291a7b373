"""The psychometric curves: how the probability of a fit falls with n."""

from math import exp, log
from typing import Final, NamedTuple

import numpy as np

GUESS: Final = 0.002
"""Probability of a fit far beyond emc50, where nothing speaks of more."""


class CurveShape(NamedTuple):
    """What a curve may be besides its place and its slope.

    `lapse` is the share of runs that never fit, `guess` the share that always fits, and `skew` the
    slope beyond emc50 over the slope below it. Arrays of any shape.
    """

    lapse: np.ndarray
    guess: np.ndarray = np.array(GUESS)
    skew: np.ndarray = np.array(1.0)


def probability(
    log_n: np.ndarray,
    centre: np.ndarray,
    slope: np.ndarray,
    shape: CurveShape,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Pr[fit | n], broadcast over all arguments; exactly one half at log n = centre.

    A logistic function of (centre - log n) / slope between guess and 1 - lapse, shifted so that
    it crosses one half at the centre whatever they are (as psychometric functions are parametrised
    by their threshold; Wichmann and Hill 2001). With a skew, the slope on either side of the
    centre differs from their geometric mean by its root.
    """
    span = 1.0 - shape.lapse - shape.guess
    half = (0.5 - shape.guess) / span
    odds = _odds((log_n - centre) / slope, shape.skew)
    found: np.ndarray = np.multiply(odds, (1.0 - half) / half, out=out)
    found += 1.0
    np.divide(span, found, out=found)
    found += shape.guess
    return found


def _odds(away: np.ndarray, skew: np.ndarray) -> np.ndarray:
    """Odds of no fit so many slopes beyond the centre, without lapse or guess."""
    if (skew != 1.0).any():
        root = np.sqrt(skew)
        away = away * np.where(away > 0, 1.0 / root, root)
    np.clip(away, -40.0, 40.0, out=away)
    np.exp(away, out=away)
    return away


def transition_width(slope: float) -> float:
    """n fitted with probability 0.1 over n fitted with 0.9, without lapse or guess."""
    return exp(2.0 * log(9.0) * slope)
