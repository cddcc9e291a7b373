"""Short timing runs of cells: how fast a machine trains and finishes them, and in how much memory.

Run as a program, since memory is that of a process: cells as lines of JSON on standard input, what
was found as lines of standard output.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import cache
from io import BytesIO
from math import inf
from pathlib import Path
from time import perf_counter, process_time
from typing import IO, Final

import numpy as np

from emc.activations import ACTIVATIONS
from emc.data.labelling import Drawn
from emc.engine import choose, run_probes
from emc.engine.native import NativeBackEnd
from emc.engine.procedure import Procedure, TrainedRun
from emc.errors import EmcError, one_line
from emc.jobs.cards import one_card
from emc.measurement.expectation import expected_emc50
from emc.measurement.finishing import Finishing, finishing, minimises_otherwise
from emc.measurement.measure import round_size
from emc.measurement.procedure import procedure
from emc.measurement.source import replica
from emc.nets.build import size
from emc.records import Outcome, Pace
from emc.seeds import generator
from emc.store.columns import PROBES
from emc.study.cell import Cell
from emc.study.datasets import Facts
from emc.study.identity import canonical, from_canonical

_ENOUGH: Final = 0.2
"""Seconds that a timing run lasts at least: shorter ones mostly tell how long it takes to begin."""
_MOST: Final = 1 << 16
"""Steps or passes after which a timing run is over, however fast they are."""
_GROWTH: Final = 4
_BEFORE_FINISH: Final = 32
"""Steps of training before a finish is timed."""
_FEWEST_PASSES: Final = 16
"""Passes of a finish that is timed, at least: what it begins with counts little then."""
_MOST_SAMPLES: Final = 500
"""Samples of a timing run: more tell nothing new of the time of each."""
_FEWER: Final = 8
"""How many times fewer samples a second finish is timed on, which tells what is the same for any
number of them."""


@dataclass(frozen=True, slots=True)
class TimedCell:
    """What the timing run of a cell found, or why there was none."""

    pace: Pace | None
    error: str = ""


def time_cells(cells: Sequence[Cell], device: str) -> Iterator[TimedCell]:
    """Time cells whose data are known, one after the other, in a process of their own.

    A cell that cannot be timed has its error.
    """
    command = [sys.executable, "-P", "-m", "emc.measurement.timing", device]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    lines = [json.dumps([canonical(cell), *cell.facts]) for cell in cells]
    with subprocess.Popen(
        command, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("\n".join(lines))
        process.stdin.close()
        for _ in cells:
            yield _read(process.stdout.readline())


def _read(line: str) -> TimedCell:
    if not line:
        return TimedCell(None, "the process of the timing runs ended")
    found = json.loads(line)
    return TimedCell(found["pace"] and Pace(**found["pace"]), found["error"])


def main(cells: IO[str], device: str) -> None:
    """Try the cells of a file's lines and write what was found."""
    starting = _started()
    with one_card():
        for line in cells:
            definition, shape, classes, samples = json.loads(line)
            cell = from_canonical(definition).knowing(Facts(tuple(shape), classes, samples))
            found = _answer(cell, device, starting)
            print(json.dumps(asdict(found)), flush=True)


def _started() -> float:
    """Seconds that it took to start, all that a job without torch imports included.

    The table of probes that a job writes takes memory, too.
    """
    from emc.store.tables import frame

    started = process_time()
    frame(PROBES, ()).write_parquet(BytesIO())
    return started


def _answer(cell: Cell, device: str, starting: float) -> TimedCell:
    try:
        if needs_torch(cell):
            starting += _torch_seconds()
        return TimedCell(replace(pace(cell, device), starting=starting))
    except EmcError as error:
        return TimedCell(None, one_line(error))


@cache
def _torch_seconds() -> float:
    """Seconds to import torch."""
    began = process_time()
    import emc.engine.stacked.vmap  # noqa: F401

    return process_time() - began


def pace(cell: Cell, device: str) -> Pace:
    """How fast a cell is trained and finished: seconds of the process, on a GPU of the wall.

    Samples are Gaussian and labels random: no data set is needed. How long a process takes to
    start is not looked at: 0.

    Raises:
        EmcError: the cell cannot be trained.
    """
    _forget_peak()
    trained = procedure(cell, cell.shape, cell.facts.classes)
    source = _Noise(cell)
    finish = finishing(trained, source, cell.finish, minimises_otherwise(cell), device)
    timing = _TimingRun(trained, source, finish, device)
    training, gradients = timing.training()
    finishing_, passing = (0.0, 0.0) if finish.refused else timing.finishing()
    megabytes = held_megabytes()
    if not finish.refused and walks_over_kinks(cell):
        _load_for_kinks()
        megabytes = (megabytes * held_megabytes()) ** 0.5  # about half of such cells load it
    return Pace(
        parameters=size(trained.net),
        training=training,
        gradients=gradients,
        finishing=finishing_,
        passing=passing,
        starting=0.0,
        megabytes=megabytes,
    )


def needs_torch(cell: Cell) -> bool:
    """Whether a process that trains the cell loads torch."""
    trained = procedure(cell, cell.shape, cell.facts.classes)
    return trained.layers is None or NativeBackEnd().refuses(trained) is not None


def walks_over_kinks(cell: Cell) -> bool:
    """Whether a finish of the cell may come to rest on kinks, each of which it knows."""
    layers = procedure(cell, cell.shape, cell.facts.classes).layers or ()
    return any(ACTIVATIONS[one.activation].jump for one in layers)


def _load_for_kinks() -> None:
    """Load what a finish loads where it first meets a kink."""
    import scipy.optimize  # noqa: F401


class _Noise:
    """Gaussian inputs with random labels, as many as the expected emc50 or `_MOST_SAMPLES`.

    Every other one is the one before with another label: no run can fit them. Of two classes every
    fourth is, or equal logits for all would be a minimum at once.
    """

    def __init__(self, cell: Cell) -> None:
        most = cell.facts.samples or cell.search.smallest
        self.available = max(2, min(round(expected_emc50(cell)), most, _MOST_SAMPLES))
        draw = generator("timing")
        inputs = draw.standard_normal((self.available, *cell.shape), np.float32)
        labels = draw.integers(0, cell.classes, self.available)
        apart = 2 if cell.classes > 2 else 4
        inputs[1::apart] = inputs[: self.available - 1 : apart]
        labels[1::apart] = (labels[: self.available - 1 : apart] + 1) % cell.classes
        self._drawn = inputs, labels

    def draw(self, n: int, seed: int) -> Drawn:  # noqa: ARG002
        """The first n of them."""
        inputs, labels = self._drawn
        return Drawn(inputs, np.arange(n), labels[:n])


class _TimingRun:
    def __init__(self, trained: Procedure, source: _Noise, finish: Finishing, device: str) -> None:
        self._trained, self._finish, self._device = trained, finish, device
        self._source = source
        self._side_by_side = round_size(choose.back_end(trained, device), device)
        self._take(source.available)
        self._clock = perf_counter if device == "cuda" else process_time
        self._runs: list[TrainedRun] = []

    def _take(self, n: int) -> None:
        """Train and finish n samples from now on."""
        self._n = n
        seeds = range(self._side_by_side)
        self._replicas = [replica(self._source, n, 1e-3, seed) for seed in seeds]

    def training(self) -> tuple[float, float]:
        """Seconds, and gradients of single samples, per sample and step."""
        self._train(1)  # builds what is built once
        seconds, _ = self._timed(self._train)
        per_step = self._n if self._trained.batch is None else min(self._trained.batch, self._n)
        work = per_step * sum(run.steps for run in self._runs)
        return seconds / work, sum(run.gradient_evaluations for run in self._runs) / work

    def finishing(self) -> tuple[float, float]:
        """Seconds of a finish per pass and sample, and per pass whatever its samples."""
        many = self._n
        of_many = self._pass()
        self._examine()
        self._take(max(2, many // _FEWER))
        of_few = self._pass() if self._n < many else of_many
        each = max(of_many - of_few, 0.0) / max(many - self._n, 1)
        passing = min(max(of_few - each * self._n, 0.0), of_many)
        return (of_many - passing) / many, passing

    def _pass(self) -> float:
        """Seconds of a pass of a finish."""
        self._train(_BEFORE_FINISH)
        self._do_finish(1)
        seconds, passes = self._timed(self._do_finish, _FEWEST_PASSES)
        return seconds / passes

    def _train(self, steps: int) -> bool:
        asked = replace(self._trained, epochs=None, steps=steps)
        self._runs = run_probes(asked, self._replicas, device=self._device)
        return True

    def _do_finish(self, passes: int) -> bool:
        run = self._runs[0]
        effort = passes * self._n / run.numbers.gradient_evaluations
        done, _ = replace(self._finish, effort=effort).finished(self._replicas[0], run)
        return done is not None and done.outcome is Outcome.OPEN

    def _examine(self) -> None:
        """Let a finish take the point for a minimum, and look at its curvature: it needs memory."""
        settings = replace(self._finish.settings, gradient=inf, escapes=0)
        run = self._runs[0]
        replace(self._finish, settings=settings).finished(self._replicas[0], run)

    def _timed(self, work: Callable[[int], bool], first: int = 1) -> tuple[float, int]:
        """Seconds of the first amount of work that lasts long enough, and that amount.

        Work that came to its end before is no longer work; then the amount before counts.
        """
        amount, last = first, (0.0, first)
        while last[0] < _ENOUGH and amount <= _MOST:
            began = self._clock()
            whole = work(amount)
            seconds = self._clock() - began
            if not whole and last[0]:
                return last
            last = seconds, amount
            amount *= _GROWTH
        return last


def _forget_peak() -> None:
    """Count the most memory from now on, where the system can."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def held_megabytes() -> float:
    """Most memory that this process has held, resident; 0 where the system does not tell."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


if __name__ == "__main__":
    main(sys.stdin, sys.argv[1])
