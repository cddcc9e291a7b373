"""What a measurement says while it runs: log lines, and a live bar at a terminal."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from emc.measurement.rounds import Progress
from emc.search import Answer

log = logging.getLogger(__name__)


@contextmanager
def reporter(cell: str, tolerance: float, budget: int) -> Iterator[Progress]:
    """A progress function that logs each round and, at a terminal, moves a bar."""
    log.info("%s: wanted within %.1f %%, at most %d probes", cell, 100 * tolerance, budget)
    if not sys.stderr.isatty():
        yield _log_round
        return
    from rich.progress import Progress as Bar

    with Bar(transient=True) as bar:
        task = bar.add_task(cell, total=budget)

        def show(number: int, probes: int, answer: Answer) -> None:
            bar.update(task, completed=probes, description=_present(number, answer))

        yield show


def _log_round(number: int, probes: int, answer: Answer) -> None:
    log.info("%s, %d probes", _present(number, answer), probes)


def _present(number: int, answer: Answer) -> str:
    return f"round {number}: emc50 {answer.emc50:.4g} [{answer.low:.4g}, {answer.high:.4g}]"
