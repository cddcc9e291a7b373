"""The fast refit against the posterior of the search."""

import math

import numpy as np
import pytest

from emc.search import Answer, Trial, make
from emc.search.refit import refit

LARGEST = 20_000


def search(centre: float, scale: float, draw: np.random.Generator) -> tuple[list[Trial], Answer]:
    """A whole search of a made-up cell, and its answer."""
    method = make(
        "bayes",
        smallest=1,
        largest=LARGEST,
        rates=(1.0,),
        tolerance=0.05,
        probes=120,
        round_size=8,
    )
    trials: list[Trial] = []
    while wanted := method.requests(trials):
        for one in wanted:
            fit = draw.random() < 1 / (1 + (one.n / centre) ** (1 / scale))
            trials.append(Trial(one.n, one.lr, bool(fit), bool(fit)))
    return trials, method.answer(trials)


def refitted(trials: list[Trial], outcomes: np.ndarray) -> np.ndarray:
    """low, median and high for readings [readings, probes]."""
    log_n = np.log([[trial.n for trial in trials]])
    fits = outcomes[None].astype(np.float32)
    found = refit(log_n, fits, 1 - fits, np.array([[1, LARGEST]]))
    return np.exp(np.stack(found)[:, 0])


@pytest.mark.parametrize("scale", [0.02, 0.05, 0.1, 0.25])
@pytest.mark.parametrize("centre", [15.0, 300.0, 4000.0])
def test_median_and_interval_are_those_of_the_posterior(centre, scale):
    trials, answer = search(centre, scale, np.random.default_rng(int(centre)))
    low, median, high = refitted(trials, np.array([[trial.within_budget for trial in trials]]))[
        :, 0
    ]
    half = (answer.high - answer.low) / 2
    assert abs(median - answer.emc50) < 0.1 * half
    assert 0.9 < (high - low) / (2 * half) < 1.45


def test_readings_of_one_cell_do_not_touch_each_other():
    trials, _ = search(300.0, 0.1, np.random.default_rng(0))
    fits = np.array([trial.within_budget for trial in trials])
    never, always = np.zeros_like(fits), np.ones_like(fits)
    together = refitted(trials, np.stack([fits, never, always]))
    assert together[:, :1] == pytest.approx(refitted(trials, fits[None]), rel=1e-5)
    sizes = [trial.n for trial in trials]
    assert together[1, 1] < min(sizes)
    assert together[1, 2] > max(sizes)


def test_a_probe_that_counts_neither_way_changes_nothing():
    trials, _ = search(300.0, 0.1, np.random.default_rng(1))
    log_n = np.log([[trial.n for trial in trials]])
    fits = np.array([[[trial.within_budget for trial in trials]]], np.float32)
    unfitted = 1 - fits
    limits = np.array([[1, LARGEST]])
    kept = refit(log_n, fits, unfitted, limits)
    padded = refit(
        np.pad(log_n, ((0, 0), (0, 3)), constant_values=np.nan),
        np.pad(fits, ((0, 0), (0, 0), (0, 3))),
        np.pad(unfitted, ((0, 0), (0, 0), (0, 3))),
        limits,
    )
    assert np.array(padded) == pytest.approx(np.array(kept), rel=1e-5)


def test_ten_fits_below_and_ten_failures_above_put_it_between():
    log_n = np.log([[100.0] * 10 + [200.0] * 10])
    fits = np.array([[[1.0] * 10 + [0.0] * 10]], np.float32)
    found = refit(log_n, fits, 1 - fits, np.array([[1, LARGEST]]))
    low, median, high = (math.exp(value[0, 0]) for value in found)
    assert 95 < low < median < high < 210
    assert median == pytest.approx(math.sqrt(100 * 200), rel=0.1)
