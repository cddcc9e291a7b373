"""Curves whose emc50 is known, and cells simulated on them."""

from collections.abc import Callable
from functools import cache
from math import comb, exp, log
from typing import Any

import numpy as np
from scipy.stats import norm

from emc.search import Answer, Method, Trial, make

Curve = Callable[[int], float]
LAPSE = 0.01


def logistic(emc50: float, slope: float) -> Curve:
    return lambda n: 1 / (1 + exp(min((log(n) - log(emc50)) / slope, 700)))


def probit(emc50: float, slope: float) -> Curve:
    return lambda n: float(norm.cdf((log(emc50) - log(n)) / slope))


def gompertz(emc50: float, slope: float) -> Curve:
    """Asymmetric, with a lapse: outside the estimator's family."""
    shift = log(-log(1 - 0.5 / (1 - LAPSE)))
    return lambda n: (1 - LAPSE) * (1 - exp(-exp(min((log(emc50) - log(n)) / slope + shift, 700))))


@cache
def cover(d: int) -> Curve:
    """Exact, with emc50 = 2 d."""
    exact = cache(lambda n: sum(comb(n - 1, k) for k in range(min(d, n))) / 2 ** (n - 1))
    return lambda n: exact(n) if n < 20 * d else 0.0


def simulate(method: Method, curve: Curve, seed: int) -> tuple[Answer, list[Trial]]:
    """Run a search against a curve, the same at every learning rate."""
    return simulate_rates(method, lambda _: curve, seed)


def simulate_rates(
    method: Method, curve_at: Callable[[float], Curve], seed: int
) -> tuple[Answer, list[Trial]]:
    """Run a search against a curve of its own at each learning rate."""
    draw = np.random.default_rng(seed)
    trials: list[Trial] = []
    while requests := method.requests(trials):
        for one in requests:
            fit = bool(draw.random() < curve_at(one.lr)(one.n))
            trials.append(Trial(one.n, one.lr, fit, fit))
    return method.answer(trials), trials


def search(name: str = "bayes", **changes: Any) -> Method:
    """A search with the defaults of these tests."""
    settings: dict[str, Any] = {
        "smallest": 1,
        "largest": 4000,
        "rates": (0.1,),
        "tolerance": 0.1,
        "probes": 400,
        "round_size": 1,
    }
    return make(name, **(settings | changes))  # type: ignore[arg-type]
