"""The psychometric curve: how the probability of a fit falls with n."""

from math import exp, log

import numpy as np

GUESS = 0.002
"""Probability of a fit far beyond emc50."""


def probability(
    log_n: np.ndarray, centre: np.ndarray, slope: np.ndarray, lapse: np.ndarray
) -> np.ndarray:
    """Pr[fit | n], broadcast over all arguments; exactly one half at log n = centre.

    A logistic function of (centre - log n) / slope between `GUESS` and 1 - lapse, shifted so that
    it crosses one half at the centre whatever the lapse (as psychometric functions are
    parametrised by their threshold; Wichmann and Hill 2001).
    """
    span = 1.0 - lapse - GUESS
    half = (0.5 - GUESS) / span
    odds = np.exp(np.clip((log_n - centre) / slope, -40.0, 40.0))
    return np.asarray(GUESS + span / (1.0 + odds * ((1.0 - half) / half)))


def transition_width(slope: float) -> float:
    """n fitted with probability 0.1 over n fitted with 0.9, without lapse or guess."""
    return exp(2.0 * log(9.0) * slope)
