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
from pathlib import Path
from signal import SIGKILL
from threading import Event, Timer
from time import perf_counter, process_time
from typing import IO, Final

import numpy as np

from emc.data.labelling import Drawn
from emc.engine import choose, run_probes
from emc.engine.native import NativeBackEnd
from emc.engine.procedure import Procedure, TrainedRun
from emc.errors import EmcError, one_line
from emc.jobs.cards import one_card
from emc.measurement.expectation import expected_emc50
from emc.measurement.finishing import Finishing, finishing, minimises_otherwise
from emc.measurement.kinds import of_kernels, work
from emc.measurement.measure import round_size
from emc.measurement.procedure import procedure
from emc.measurement.source import replica
from emc.nets.build import size
from emc.records import Pace
from emc.seeds import generator
from emc.store.columns import PROBES
from emc.study.cell import Cell
from emc.study.datasets import Facts
from emc.study.identity import canonical, from_canonical

SECONDS: Final = 20.0
"""Seconds of the processor that all timing runs of a study take together, about; what is not
reached by then is left to the kinds that were."""
_PATIENCE: Final = 3.0
"""How many times as long they may take on the wall, where others keep the machine busy."""
_FIRST: Final = 240.0
"""Seconds that the first may take beyond: a compiler that is ended begins anew next time."""
_ENOUGH: Final = 0.03
"""Seconds that a timing run lasts at least: shorter ones mostly tell how long it takes to begin."""
_EPOCH: Final = 0.3
"""Seconds up to which whole epochs are timed, with the evaluations at their ends."""
_MOST: Final = 1 << 16
"""Steps or passes after which a timing run is over, however fast they are."""
_GROWTH: Final = 4
_MOST_SAMPLES: Final = 500
"""Samples of a timing run: more tell nothing new of the time of each."""
_FEWER: Final = 8
"""How many times fewer samples a second pass is timed on, which tells what is the same for any
number of them."""


@dataclass(frozen=True, slots=True)
class TimedCell:
    """What the timing run of a cell found, or why there was none; no error: the time was up."""

    pace: Pace | None
    error: str = ""


def time_cells(cells: Sequence[Cell], device: str, seconds: float = SECONDS) -> Iterator[TimedCell]:
    """Time cells whose data are known, one after the other, in a process of their own.

    A cell that cannot be timed has its error. No further one is tried once the process and its
    compilers have taken `seconds`, of those that kernels train once these have taken half of it
    and others follow; the process is ended after `_PATIENCE` times as long on the wall.
    """
    with _process(device) as process:
        answered = Event()
        late = Timer(_PATIENCE * seconds, _kill_after, [process, answered])
        late.start()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write("\n".join(_asked(cells, seconds)))
            process.stdin.close()
            answers = map(_read, process.stdout)
            for _ in cells:
                found = next(answers, TimedCell(None))
                answered.set()
                yield found
        finally:
            late.cancel()
            _kill(process)
            answered.set()
            late.join()


def _process(device: str) -> subprocess.Popen[str]:
    """The process that times, and a group of its own for the compilers that it starts."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "emc.measurement.timing", device],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )


def _asked(cells: Sequence[Cell], seconds: float) -> Iterator[str]:
    """A line for each cell, which `main` reads."""
    kernels = [of_kernels(cell) for cell in cells]
    for cell, known in zip(cells, kernels, strict=True):
        latest = seconds / 2 if known and not all(kernels) else seconds
        yield json.dumps([latest, canonical(cell), *cell.facts])


def _kill_after(process: subprocess.Popen[str], answered: Event) -> None:
    answered.wait(_FIRST)
    _kill(process)


def _kill(process: subprocess.Popen[str]) -> None:
    """End the process, and the compiler that it waits for."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, SIGKILL)


def _read(line: str) -> TimedCell:
    found = json.loads(line)
    return TimedCell(found["pace"] and Pace(**found["pace"]), found["error"])


def main(lines: IO[str], device: str) -> None:
    """Try the cells of a file's lines and write what was found.

    A line begins with how many seconds this process may have spent before its cell is tried. To ask
    here which nets kernels train would load torch for some, and all that follow would hold it.
    """
    cells = [_cell(line) for line in lines]
    starting = _started()
    with one_card():
        for until, cell in cells:
            found = _answer(cell, device, starting) if _spent() < until else TimedCell(None)
            print(json.dumps(asdict(found)), flush=True)


def _cell(line: str) -> tuple[float, Cell]:
    until, definition, shape, classes, samples = json.loads(line)
    return until, from_canonical(definition).knowing(Facts(tuple(shape), classes, samples))


def _spent() -> float:
    """Seconds of this process and of the compilers that it waited for."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


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
    if not finish.refused:
        _load_for_exact_steps()
        megabytes = (megabytes * held_megabytes()) ** 0.5  # about half of such cells load it
    return Pace(
        parameters=size(trained.net),
        work=work(cell),
        training=training,
        together=timing.side_by_side,
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


def _load_for_exact_steps() -> None:
    """Load what a finish loads where quasi-Newton steps get no further, or along kinks."""
    import scipy.linalg
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
        self.side_by_side = round_size(choose.back_end(trained, device), device, trained)
        self._take(source.available)
        self._clock = perf_counter if device == "cuda" else process_time
        self._runs: list[TrainedRun] = []

    def _take(self, n: int) -> None:
        """Train and finish n samples from now on."""
        self._n = n
        seeds = range(self.side_by_side)
        self._replicas = [replica(self._source, n, 1e-3, seed) for seed in seeds]

    def training(self) -> tuple[float, float]:
        """Seconds, and gradients of single samples, per sample and step."""
        self._train(1)  # builds what is built once
        per_step = self._n if self._trained.batch is None else min(self._trained.batch, self._n)
        epoch = -(-self._n // per_step)
        together = epoch if epoch * self._seconds(self._train, 1) < _EPOCH else 1
        seconds = self._each(lambda epochs: self._train(epochs * together)) / together
        work = per_step * sum(run.steps for run in self._runs)
        gradients = sum(run.gradient_evaluations for run in self._runs)
        steps = max(run.steps for run in self._runs)
        return seconds * steps / work, gradients / work

    def finishing(self) -> tuple[float, float]:
        """Seconds of a finish per pass and sample, and per pass whatever its samples."""
        many = self._n
        of_many = self._pass()
        self._take(max(2, many // _FEWER))
        of_few = self._pass() if self._n < many else of_many
        each = max(of_many - of_few, 0.0) / max(many - self._n, 1)
        passing = min(max(of_few - each * self._n, 0.0), of_many)
        return (of_many - passing) / many, passing

    def _pass(self) -> float:
        """Seconds of a pass: the loss in float64 and its gradient.

        The Hessian is looked at, too: it needs memory.
        """
        self._train(1)
        operator = self._finish.operator(self._replicas[0], self._runs[0])
        operator.products(operator.first_order().gradient[None])

        def passes(count: int) -> None:
            for _ in range(count):
                operator.at(operator.parameters).first_order()

        return self._each(passes)

    def _train(self, steps: int) -> None:
        asked = replace(self._trained, epochs=None, steps=steps)
        self._runs = run_probes(asked, self._replicas, device=self._device)

    def _each(self, work: Callable[[int], None]) -> float:
        """Seconds that each further step or pass takes, from amounts that last long enough."""
        before, amount = self._seconds(work, 1), _GROWTH
        while True:
            seconds = self._seconds(work, amount)
            if seconds >= _ENOUGH or amount >= _MOST:
                further = (seconds - before) / (amount - amount // _GROWTH)
                return further if further > 0 else seconds / amount
            before, amount = seconds, amount * _GROWTH

    def _seconds(self, work: Callable[[int], None], amount: int) -> float:
        began = self._clock()
        work(amount)
        return self._clock() - began


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
