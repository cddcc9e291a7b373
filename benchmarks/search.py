"""Search methods against curves whose emc50 is known: probes, work, error and coverage.

    python benchmarks/search.py

Work is in sample-epochs for a budget of 300 epochs: a failure costs n * 300, a fit 0.6 of that.
Errors are those of log emc50; the interval's coverage should be 0.95.
"""

import argparse
from collections.abc import Callable
from math import comb, exp, log
from statistics import NormalDist
from time import perf_counter

import numpy as np
from rich.console import Console
from rich.table import Table

from emc.search import Trial, make

EPOCHS = 300
LARGEST = 4000
Curve = Callable[[int], float]


def curves() -> dict[str, tuple[Curve, float]]:
    """Probability of a fit by n, and the true emc50."""
    normal = NormalDist()
    shift = log(-log(1 - 0.5 / 0.99))
    exact = {
        n: sum(comb(n - 1, k) for k in range(min(20, n))) / 2 ** (n - 1) for n in range(1, 400)
    }
    return {
        "logistic": (lambda n: 1 / (1 + exp((log(n) - log(421)) / 0.07)), 421),
        "probit": (lambda n: normal.cdf((log(421) - log(n)) / 0.14), 421),
        "gompertz, 1 % lapse": (
            lambda n: 0.99 * (1 - exp(-exp(min((log(421) - log(n)) / 0.1 + shift, 700)))),
            421,
        ),
        "Cover, d = 20": (lambda n: exact.get(n, 0.0), 40),
        "Cover, d = 7": (lambda n: _separable(7, n), 14),
        "two transitions, at 200 and 600": (lambda n: 0.4 * _at(200, n) + 0.6 * _at(600, n), 553),
        "two transitions, at 260 and 360": (lambda n: 0.4 * _at(260, n) + 0.6 * _at(360, n), 332),
        "30 % never fit": (lambda n: 0.7 * _at(420, n, 0.1), 383),
        "15 % never fit": (lambda n: 0.85 * _at(420, n, 0.1), 404),
        "two slopes": (lambda n: _at(420, n, 0.05 if n < 420 else 0.3), 420),
        "dips at batches of 32": (
            lambda n: 0.0 if n > 32 and 1 <= n % 32 <= 4 else _at(85, n, 0.12),
            85,
        ),
        "wide": (lambda n: _at(420, n, 0.35), 420),
    }


def _at(emc50: float, n: int, slope: float = 0.05) -> float:
    """A logistic transition in log n."""
    return 1 / (1 + exp((log(n) - log(emc50)) / slope))


def _separable(d: int, n: int) -> float:
    """Cover's law."""
    fits: int = sum(comb(n - 1, k) for k in range(min(d, n)))
    return float(fits / 2 ** (n - 1))


def simulate(name: str, round_size: int, tolerance: float, curve: Curve, seed: int) -> list[float]:
    """emc50, low, high, probes, sample-epochs and seconds of deciding of one search.

    Ends that are not known are 0 and infinity.
    """
    draw = np.random.default_rng(seed)
    method = make(
        name,
        smallest=1,
        largest=LARGEST,
        rates=(0.1,),
        tolerance=tolerance,
        probes=2000,
        round_size=round_size,
    )
    trials: list[Trial] = []
    work = deciding = 0.0
    while True:
        start = perf_counter()
        requests = method.requests(trials)
        deciding += perf_counter() - start
        if not requests:
            break
        for one in requests:
            fit = bool(draw.random() < curve(one.n))
            work += one.n * EPOCHS * (0.6 if fit else 1.0)
            trials.append(Trial(one.n, one.lr, fit, fit))
    found = method.answer(trials)
    assert found.emc50 is not None
    low, high = found.low or 0.0, found.high or float("inf")
    return [found.emc50, low, high, len(trials), work, deciding]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=200)
    parser.add_argument("--tolerance", type=float, default=0.05)
    arguments = parser.parse_args()
    console = Console(width=130)
    for label, (curve, truth) in curves().items():
        table = Table("method", "a round", "probes", "M sample-epochs", "bias", "rmse", "coverage")
        table.add_column("half width")
        table.add_column("ms per probe")
        table.title = f"{label}: {arguments.cells} cells to {arguments.tolerance:.0%}"
        for name, size in (
            *(("bayes", size) for size in (1, 4, 16, 64)),
            ("bisection", 1),
            ("walk", 1),
            ("ladder", 1),
        ):
            rows = np.array(
                [
                    simulate(name, size, arguments.tolerance, curve, seed)
                    for seed in range(arguments.cells)
                ]
            )
            table.add_row(name, str(size), *_summary(rows, truth))
        console.print(table)


def _summary(rows: np.ndarray, truth: float) -> list[str]:
    emc50, low, high, probes, work, deciding = rows.T
    errors = np.log(emc50 / truth)
    held = np.mean((low <= truth) & (truth <= high))
    return [
        f"{probes.mean():.0f}",
        f"{work.mean() / 1e6:.1f}",
        f"{errors.mean():+.3f}",
        f"{np.sqrt(np.mean(errors**2)):.3f}",
        f"{held:.3f}",
        f"{np.median((high - low) / 2 / emc50):.3f}",
        f"{1000 * deciding.sum() / probes.sum():.2f}",
    ]


if __name__ == "__main__":
    main()
