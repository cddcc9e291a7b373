"""What a measurement says while it runs: log lines, and a live bar."""

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

from emc.measurement.rounds import Report
from emc.records import told_end, told_number
from emc.search import Answer

log = logging.getLogger(__name__)

_SECONDS_BETWEEN = 1.0
_PATIENCE = 100
"""A measurement takes at least this many times as long as the answer that was shown before: with
each probe it takes longer to make one."""


@contextmanager
def reporter(cell: str, tolerance: float, budget: int, *, bar: bool) -> Iterator[Report]:
    """A progress function that logs each round or, with `bar`, moves a bar.

    The bar is one of a terminal or of a notebook, wherever this runs.
    """
    log.info("%s: wanted within %.1f %%, at most %d probes", cell, 100 * tolerance, budget)
    if not bar:
        yield _now_and_then(_log_round)
        return
    with _bar()(total=budget, desc=cell, unit="probe", leave=False) as shown:

        def show(_: int, probes: int, answer: Callable[[], Answer]) -> None:
            shown.set_postfix_str(present(answer()), refresh=False)
            shown.update(probes - shown.n)

        yield _now_and_then(show)


def _bar() -> Any:
    """The bar of a notebook, or that of a terminal, which is text in a notebook without widgets."""
    from tqdm import TqdmExperimentalWarning, TqdmWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TqdmWarning)
        warnings.simplefilter("ignore", TqdmExperimentalWarning)
        from tqdm.auto import tqdm
    return tqdm


def _now_and_then(show: Report) -> Report:
    """Show a round only when the last one shown is a while ago: rounds can be milliseconds."""
    due = -_SECONDS_BETWEEN

    def sparing(number: int, probes: int, answer: Callable[[], Answer]) -> None:
        nonlocal due
        began = monotonic()
        if began >= due:
            show(number, probes, answer)
            ended = monotonic()
            due = ended + max(_SECONDS_BETWEEN, _PATIENCE * (ended - began))

    return sparing


def _log_round(number: int, probes: int, answer: Callable[[], Answer]) -> None:
    log.info("%s, %d probes", _present(number, answer()), probes)


def _present(number: int, answer: Answer) -> str:
    return f"round {number}: {present(answer)}"


def present(answer: Answer) -> str:
    """What an unfinished measurement says: a bound where only that is known."""
    emc50 = told_number(answer.emc50, 4)
    if answer.saturated:
        return f"emc50 at least {emc50}"
    if answer.below_smallest and answer.emc50 is not None:
        return f"emc50 at most {emc50}"
    return f"emc50 {emc50} [{told_end(answer.low, 4)}, {told_end(answer.high, 4)}]"
