"""Training samples per second of each back end beside the usual loop, in one run, one thread.

    OMP_NUM_THREADS=1 python benchmarks/throughput.py

Every row trains the same net on the same samples, with its exact evaluation each epoch; rates are
the median of the repeats with their smallest and largest. The fraction of the peak is that of a
float32 matrix product of 1024 x 1024 on the same thread. Seconds are the process's: on one thread
those of the wall on an idle core.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import process_time

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from usual import Usual

from emc.engine import Procedure, Replica, Update
from emc.engine.choose import back_end
from emc.errors import EmcError
from emc.nets.build import net, size
from emc.nets.layers import Layers, layers_of
from emc.nets.module import drawn
from emc.study.architectures import Cnn, Mlp, Vit

N = 1000
BATCH = 128


@dataclass(frozen=True)
class Case:
    """A net, as layers or a factory of modules."""

    name: str
    shape: tuple[int, ...]
    net: Layers | Callable[[], nn.Module]
    epochs: int

    def fresh(self) -> nn.Module:
        """A net with initial weights."""
        return drawn(self.net, "scaled-normal") if isinstance(self.net, tuple) else self.net()

    def procedure(self) -> Procedure:
        """How every row trains it."""
        return Procedure(
            classes=10,
            update=Update("sgd", momentum=0.9),
            layers=self.net if isinstance(self.net, tuple) else None,
            module=None if isinstance(self.net, tuple) else self.net,
            batch=BATCH,
            epochs=self.epochs,
        )


def cases() -> list[Case]:
    mlps = [
        Case(f"MLP 64-{h}-{h}-10", (64,), layers_of(_mlp(h), "relu", (64,), 10), 60)
        for h in (16, 32, 64)
    ]
    image = (1, 28, 28)
    cnns = [
        Case(f"CNN {w}, {2 * w} channels", image, layers_of(_cnn(w), "relu", image, 10), 3)
        for w in (4, 8, 16)
    ]
    vit = Vit(name="vit", depth=2, width=32)
    made = net(vit, "gelu", "scaled-normal", (1, 8, 8), 10)
    return [*mlps, *cnns, Case("ViT, 2 blocks of 32, 4 tokens", (1, 8, 8), made, 5)]


def _mlp(width: int) -> Mlp:
    return Mlp(name="mlp", depth=2, width=width)


def _cnn(width: int) -> Cnn:
    return Cnn(name="cnn", depth=2, width=width)


def peak() -> float:
    """Floating-point operations per second of a float32 matrix product, best of five."""
    a = torch.randn(1024, 1024)
    times = [_timed(lambda: a @ a) for _ in range(5)]
    return 2 * 1024**3 / min(times)


def operations(case: Case) -> float:
    """Multiplications and additions of one training sample, as torch counts those of products.

    The first layer needs no gradient of its input. Native kernels of a vision transformer leave
    out what no logit depends on, the last block's other tokens: their fraction may exceed 1.
    """
    net, x = case.fresh(), torch.zeros(1, *case.shape)
    with FlopCounterMode(display=False) as counter:
        net(x).sum().backward()
    return float(counter.get_total_flops())


def rates(case: Case, repeats: int) -> list[tuple[str, list[float]]]:
    rows = [("usual loop", [usual_rate(case) for _ in range(repeats)])]
    for name, together in (
        ("sequential", 1),
        ("vmap", 1),
        ("vmap", 4),
        ("vmap", 16),
        ("compiled", 16),
        ("native", 1),
        ("native", 16),
    ):
        if measured := engine_rates(case, name, together, repeats):
            rows.append((f"{name}, K = {together}", measured))
    return rows


def usual_rate(case: Case) -> float:
    draw = np.random.default_rng(0)
    inputs = draw.standard_normal((N, *case.shape)).astype(np.float32)
    loop = Usual(case.fresh, inputs, 10, 1e-3, max(1, case.epochs // 10), BATCH)
    loop.fits(BATCH, 0)
    return N * loop.epochs / _timed(lambda: loop.fits(N, 0))


def engine_rates(case: Case, name: str, together: int, repeats: int) -> list[float]:
    """Samples per second of each repeat; none where the back end refuses the net."""
    procedure = case.procedure()
    draw = np.random.default_rng(0)
    inputs = draw.standard_normal((N, *case.shape)).astype(np.float32)
    replicas = [
        Replica(inputs, np.arange(N), draw.integers(0, 10, N), seed, 1e-3)
        for seed in range(together)
    ]
    try:
        trainer = back_end(procedure, "cpu", name)
    except EmcError:
        return []
    trainer.run(procedure, replicas)
    samples = together * N * case.epochs
    return [samples / _timed(lambda: trainer.run(procedure, replicas)) for _ in range(repeats)]


def _timed(call: Callable[[], object]) -> float:
    start = process_time()
    call()
    return process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", default="", help="nets whose name holds this, such as CNN")
    asked = parser.parse_args()
    repeats = asked.repeats
    torch.set_num_threads(1)
    best = peak()
    console = Console(width=120)
    console.print(f"float32 matrix product: {best / 1e9:.0f} GFLOP/s, {repeats} repeats, n = {N}")
    for case in (case for case in cases() if asked.only in case.name):
        table = Table("back end", "thousand samples/s", "smallest", "largest", "x usual", "of peak")
        table.title = f"{case.name}, {size(case.net)} parameters"
        rows = rates(case, repeats)
        usual, each = median(rows[0][1]), operations(case)
        for name, found in rows:
            rate = median(found)
            table.add_row(
                name,
                f"{rate / 1e3:.3g}",
                f"{min(found) / 1e3:.3g}",
                f"{max(found) / 1e3:.3g}",
                f"{rate / usual:.1f}",
                f"{rate * each / best:.0%}",
            )
        console.print(table)


if __name__ == "__main__":
    main()
