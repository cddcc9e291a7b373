"""Which of several back ends trains a procedure fastest, found by a short timing run."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from time import perf_counter, process_time
from typing import Final

from emc.engine.back_end import BackEnd
from emc.engine.procedure import Procedure, Replica
from emc.engine.schedule import steps_of_budget
from emc.native.unavailable import UnavailableError

_ENOUGH: Final = 0.1
"""Seconds of a timing run: shorter ones mostly tell how long it takes to begin."""
_AGAIN: Final = 4
"""How many times as many steps the second run takes, which tells the first one's beginning."""
_WORTH: Final = 50_000
"""Steps of a call from which a timing run pays: it takes seconds itself."""
_COMPILING: Final = 60.0
"""Seconds that compiling the programs of a call takes, about."""

Clock = Callable[[], float]


def clock_of(device: str) -> Clock:
    """What tells how long a timing run takes.

    On the processor that is the time that it spent on this process alone, whatever else it runs, as
    long as torch computes in one thread.
    """
    import torch

    return process_time if device == "cpu" and torch.get_num_threads() == 1 else perf_counter


def worth_a_trial(procedure: Procedure, replicas: Sequence[Replica]) -> bool:
    """Whether so much is to be trained that a few seconds do not matter."""
    return sum(steps_of_budget(procedure, one.n) for one in replicas) >= _WORTH


def fastest(
    candidates: Sequence[BackEnd],
    compiled: BackEnd | None,
    procedure: Procedure,
    replicas: Sequence[Replica],
    clock: Clock = perf_counter,
) -> BackEnd:
    """The candidate that takes least time per step; at a tie the first.

    One that turns out unable is left out; at least one is able. `compiled` is tried too where the
    call takes the others longer than compiling.

    Raises:
        EmcError: samples, labels or net do not fit the procedure.
    """
    seconds = {}
    for candidate in candidates:
        if (found := _per_step(candidate, procedure, replicas, clock)) is not None:
            seconds[candidate.name] = found
    steps = max(steps_of_budget(procedure, one.n) for one in replicas)
    if compiled is not None and min(seconds.values()) * steps > _COMPILING:
        candidates = [*candidates, compiled]
        if (found := _per_step(compiled, procedure, replicas, clock)) is not None:
            seconds[compiled.name] = found
    return min(
        (one for one in candidates if one.name in seconds), key=lambda one: seconds[one.name]
    )


def _per_step(
    candidate: BackEnd, procedure: Procedure, replicas: Sequence[Replica], clock: Clock
) -> float | None:
    """Seconds that a step of all replicas takes; None where the back end turns out unable."""

    def seconds(steps: int) -> float:
        began = clock()
        candidate.run(replace(procedure, epochs=None, steps=steps), replicas)
        return clock() - began

    try:
        seconds(1)  # builds what is built once
        steps = 1
        while (first := seconds(steps)) < _ENOUGH:
            steps *= _AGAIN
        whole = seconds(_AGAIN * steps)
        # Where something else took the processor meanwhile, the longer run may be the faster one.
        return (
            (whole - first) / ((_AGAIN - 1) * steps) if whole > first else whole / (_AGAIN * steps)
        )
    except UnavailableError:
        return None
