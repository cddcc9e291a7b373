"""How often the 95 % intervals of a search hold the truth, on curves whose emc50 is known.

    python benchmarks/search.py --keep coverage.csv
    python benchmarks/search.py --case "two slopes" --cells 100
    python benchmarks/search.py --methods --case "logistic, to 5 %" --cells 100

The first makes the table of benchmarks/README.md. With `--keep`, each simulated cell is a line of
that file, and a second run goes on after the last line; with `--cells 0` too, no cell is simulated,
and the table is that of all lines, whatever their seeds. `--methods` compares the adaptive search
in rounds of several sizes with the methods of the literature. Work is in sample-epochs for a budget
of 300 epochs: a failure costs n * 300, a fit 0.6 of that. Errors are those of log emc50.
"""

import argparse
import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import comb, exp, inf, log, sqrt
from pathlib import Path
from statistics import NormalDist
from time import process_time

import numpy as np
from rich.console import Console
from rich.table import Table

from emc.search import Trial, make

EPOCHS = 300
LARGEST = 4000
PROBES = 200
Curve = Callable[[int], float]


@dataclass(frozen=True, slots=True)
class Case:
    """Cells of one kind: Pr[fit | n] at minima, and how they are searched.

    Of the probes that do not fit within the budget (`within` is the curve of those that do), the
    share `open` of n is never decided.
    """

    fits: Curve
    tolerance: float = 0.05
    rates: int = 1
    within: Curve | None = None
    open: Curve = lambda _: 0.0

    @property
    def truth(self) -> float:
        """The largest n that is fitted half of the time, between the two whole n about it."""
        last = max(n for n in range(1, LARGEST) if self.fits(n) >= 0.5)
        ends = [self.fits(last + 1), self.fits(last)]
        return exp(np.interp(0.5, ends, [log(last + 1), log(last)]))


def logistic(emc50: float, slope: float) -> Curve:
    """A logistic transition in log n."""
    return lambda n: 1 / (1 + exp(min((log(n) - log(emc50)) / slope, 700)))


def mixture(*parts: tuple[float, Curve]) -> Curve:
    """Shares of the runs, each with a curve of its own."""
    return lambda n: sum(share * curve(n) for share, curve in parts)


def probit(n: int) -> float:
    """About as steep as the logistic transition beside it."""
    return NormalDist().cdf((log(421) - log(n)) / 0.17)


def gompertz(n: int) -> float:
    """Asymmetric, with 1 % of runs that never fit."""
    shift = log(-log(1 - 0.5 / 0.99))
    return 0.99 * (1 - exp(-exp(min((log(421) - log(n)) / 0.15 + shift, 700))))


def two_slopes(n: int) -> float:
    """Steep below emc50, shallow beyond."""
    return logistic(420, 0.05 if n < 420 else 0.3)(n)


def dips(n: int) -> float:
    """Nothing fits where the last batch of 32 is ragged: of 1 to 4 samples."""
    return 0.0 if n > 32 and 1 <= n % 32 <= 4 else logistic(85, 0.12)(n)


def cover(d: int) -> Curve:
    """Cover's law: random labels that a hyperplane in d dimensions separates."""
    return lambda n: sum(comb(n - 1, k) for k in range(min(d, n))) / 2 ** (n - 1)


LOGISTIC = logistic(421, 0.1)
WITHIN = logistic(300, 0.15)
NEAR_EACH_OTHER = mixture((0.4, logistic(260, 0.05)), (0.6, logistic(360, 0.05)))
CASES = {
    **{
        f"{name}, to {tolerance:.0%}".replace("%", " %"): Case(curve, tolerance)
        for tolerance in (0.05, 0.1)
        for name, curve in (("logistic", LOGISTIC), ("probit", probit), ("gompertz", gompertz))
    },
    "two transitions, at 200 and 600": Case(
        mixture((0.4, logistic(200, 0.05)), (0.6, logistic(600, 0.05)))
    ),
    "two transitions, at 260 and 360": Case(NEAR_EACH_OTHER),
    "15 % never fit": Case(mixture((0.85, logistic(420, 0.1)))),
    "30 % never fit": Case(mixture((0.7, logistic(420, 0.1)))),
    "two slopes": Case(two_slopes),
    "dips at batches of 32": Case(dips),
    "Cover, d = 7": Case(cover(7)),
    "two slopes, to 10 %": Case(two_slopes, 0.1),
    "two transitions, at 260 and 360, to 10 %": Case(NEAR_EACH_OTHER, 0.1),
    "wide, to 5 %": Case(logistic(420, 0.35)),
    "wide, to 10 %": Case(logistic(420, 0.35), 0.1),
    "15 % of finishes run out": Case(LOGISTIC, 0.1, within=WITHIN, open=lambda _: 0.15),
    "30 % of finishes run out": Case(LOGISTIC, within=WITHIN, open=lambda _: 0.3),
    "more run out at larger n": Case(
        LOGISTIC, 0.1, within=WITHIN, open=lambda n: min(0.15 * (n / 421) ** 2, 0.9)
    ),
    "3 equal rates": Case(LOGISTIC, rates=3),
    "6 equal rates": Case(LOGISTIC, rates=6),
    "3 equal rates, to 10 %": Case(LOGISTIC, 0.1, rates=3),
    "6 equal rates, to 10 %": Case(LOGISTIC, 0.1, rates=6),
}


@dataclass(frozen=True, slots=True)
class Cell:
    """What one simulated search said; ends that are not known are 0 and infinity."""

    seed: int
    emc50: float
    low: float
    high: float
    low_any_curve: float
    high_any_curve: float
    reached: bool
    probes: int
    work: float
    seconds: float


class Outcomes:
    """Draws what becomes of probes."""

    def __init__(self, case: Case) -> None:
        """Curves become tables."""
        sizes = range(1, LARGEST + 1)
        self._fits = [case.fits(n) for n in sizes]
        self._within = [case.within(n) for n in sizes] if case.within else self._fits
        self._open = [case.open(n) for n in sizes]

    def draw(self, n: int, lr: float, draw: np.random.Generator) -> Trial:
        """One probe: a run that fits within its budget would also fit at its minimum."""
        chance = draw.random()
        fit, within = chance < self._fits[n - 1], chance < self._within[n - 1]
        is_open = not within and draw.random() < self._open[n - 1]
        return Trial(n, lr, within and fit, None if is_open else fit)


def simulate(
    case: Case, outcomes: Outcomes, seed: int, method: str = "bayes", round_size: int = 1
) -> Cell:
    """One search from its first probe to its answer."""
    draw = np.random.default_rng(seed)
    search = make(
        method,
        smallest=1,
        largest=LARGEST,
        rates=tuple(0.1 * (place + 1) for place in range(case.rates)),
        tolerance=case.tolerance,
        probes=PROBES,
        round_size=round_size,
    )
    start = process_time()
    trials: list[Trial] = []
    while requests := search.requests(trials):
        trials += [outcomes.draw(one.n, one.lr, draw) for one in requests]
    found = search.answer(trials)
    return Cell(
        seed=seed,
        emc50=inf if found.emc50 is None else found.emc50,
        low=found.low or 0.0,
        high=inf if found.high is None else found.high,
        low_any_curve=found.low_any_curve or 0.0,
        high_any_curve=inf if found.high_any_curve is None else found.high_any_curve,
        reached=found.tolerance_reached,
        probes=len(trials),
        work=sum(one.n * EPOCHS * (0.6 if one.within_budget else 1.0) for one in trials),
        seconds=process_time() - start,
    )


def kept(path: Path | None, name: str) -> list[Cell]:
    """Cells of a case that an earlier run has written."""
    if path is None or not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as lines:
        return [_cell(row) for row in csv.reader(lines) if row[0] == name]


def _cell(row: list[str]) -> Cell:
    _, seed, emc50, low, high, low_any, high_any, reached, probes, work, seconds = row
    return Cell(
        seed=int(seed),
        emc50=float(emc50),
        low=float(low),
        high=float(high),
        low_any_curve=float(low_any),
        high_any_curve=float(high_any),
        reached=reached == "True",
        probes=int(probes),
        work=float(work),
        seconds=float(seconds),
    )


def cells(case: Case, name: str, seeds: range, path: Path | None) -> Iterator[Cell]:
    """A case's cells of these seeds, those that are not kept anew."""
    done = {cell.seed: cell for cell in kept(path, name)}
    outcomes = Outcomes(case)
    for seed in seeds:
        if seed in done:
            yield done[seed]
            continue
        found = simulate(case, outcomes, seed)
        if path is not None:
            with path.open("a", newline="", encoding="utf-8") as lines:
                values = [getattr(found, part) for part in Cell.__slots__]
                csv.writer(lines).writerow([name, *values])
        yield found


def share(held: np.ndarray) -> str:
    """A share with its standard deviation."""
    if not held.size:
        return ""
    mean = held.mean()
    return f"{mean:.3f} ({sqrt(max(mean * (1 - mean), 1 / held.size) / held.size):.3f})"


def coverage(names: list[str], seeds: range, path: Path | None) -> Table:
    """A row per case."""
    table = Table("curve", "cells", "probes", "coverage", "reached", "of reached", "bias", "rmse")
    table.add_column("any curve")
    table.add_column("outside")
    table.add_column("ms")
    for name in names:
        case = CASES[name]
        found = list(cells(case, name, seeds, path)) if seeds else kept(path, name)
        if not found:
            continue
        columns = (np.array([getattr(one, part) for one in found]) for part in Cell.__slots__)
        rows = dict(zip(Cell.__slots__, columns, strict=True))
        held = (rows["low"] <= case.truth) & (case.truth <= rows["high"])
        any_curve = (rows["low_any_curve"] <= case.truth) & (case.truth <= rows["high_any_curve"])
        errors = np.log(rows["emc50"][np.isfinite(rows["emc50"])] / case.truth)
        outside = (rows["emc50"] < rows["low"]) | (rows["emc50"] > rows["high"])
        table.add_row(
            name,
            str(len(found)),
            f"{rows['probes'].mean():.0f}",
            share(held),
            f"{rows['reached'].mean():.2f}",
            share(held[rows["reached"]]),
            f"{errors.mean():+.4f} ({errors.std() / sqrt(len(errors)):.4f})",
            f"{sqrt(np.mean(errors**2)):.3f}",
            f"{any_curve.mean():.3f}",
            str(outside.sum()),
            f"{1000 * rows['seconds'].mean():.0f}",
        )
    return table


def methods(name: str, seeds: range) -> Table:
    """A row per method on one case."""
    table = Table("method", "a round", "probes", "M sample-epochs", "bias", "rmse", title=name)
    case = CASES[name]
    outcomes = Outcomes(case)
    sizes = (
        *(("bayes", size) for size in (1, 8, 64)),
        ("bisection", 1),
        ("walk", 1),
        ("ladder", 1),
    )
    for method, size in sizes:
        found = [simulate(case, outcomes, seed, method, size) for seed in seeds]
        errors = np.log([one.emc50 / case.truth for one in found])
        table.add_row(
            method,
            str(size),
            f"{np.mean([one.probes for one in found]):.0f}",
            f"{np.mean([one.work for one in found]) / 1e6:.1f}",
            f"{errors.mean():+.3f}",
            f"{sqrt(np.mean(errors**2)):.3f}",
        )
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=1000, help="simulated cells per case")
    parser.add_argument("--first", type=int, default=50_000, help="seed of the first cell")
    parser.add_argument("--case", action="append", choices=list(CASES), help="only these cases")
    parser.add_argument("--keep", type=Path, help="file that simulated cells are kept in")
    parser.add_argument("--methods", action="store_true", help="compare search methods")
    arguments = parser.parse_args()
    names = arguments.case or list(CASES)
    seeds = range(arguments.first, arguments.first + arguments.cells)
    console = Console(width=150)
    if arguments.methods:
        for name in names:
            console.print(methods(name, seeds))
    else:
        console.print(coverage(names, seeds, arguments.keep))


if __name__ == "__main__":
    main()
