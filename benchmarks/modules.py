"""Training of one's own modules: the kernels beside torch, the same probes.

    OMP_NUM_THREADS=1 python benchmarks/modules.py [--evaluation]

Seconds are the process's. Each back end trains the same eight replicas of 300 samples for ten
epochs, one after the other in one run. Torch trains them stacked, by vmap, or one by one where a
net has batch norms. With `--evaluation`: torch's stacked replicas whose
evaluations stop at the first errors that tell, beside those that always count all samples, in
pieces of one size.
"""

import argparse
from statistics import median
from time import process_time

import numpy as np
import own_nets
import torch
from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_digits
from torch import Tensor

from emc.engine.back_end import BackEnd
from emc.engine.native import NativeBackEnd
from emc.engine.procedure import Procedure, Replica, Update
from emc.engine.sequential import Sequential
from emc.engine.stacked.runner import Runner
from emc.engine.stacked.stack import Stack
from emc.engine.stacked.step import CHUNK_ROWS
from emc.engine.stacked.vmap import Vmap
from emc.nets.recognise import recognised

REPLICAS, SAMPLES, EPOCHS, REPEATS = 8, 300, 10, 3
SGD, GD = Update("sgd", momentum=0.9), Update("gd", momentum=0.0)


class CountingRunner(Runner):
    """Counts all samples at each evaluation."""

    def rows_at_once(self, stack: Stack) -> int:  # noqa: ARG002
        """As many for all."""
        return CHUNK_ROWS

    def correct(self, stack: Stack, needed: Tensor) -> Tensor:
        """Of all samples."""
        return super().correct(stack, torch.zeros_like(needed))


class CountingVmap(Vmap):
    """Does not stop an evaluation."""

    def _runner(self, procedure: Procedure, x: Tensor) -> Runner:
        return CountingRunner(self._step(procedure, x))


def seconds(back_end: BackEnd, procedure: Procedure, replicas: list[Replica]) -> list[float]:
    back_end.run(procedure, replicas[:1])  # builds what is built once
    found = []
    for _ in range(REPEATS):
        start = process_time()
        back_end.run(procedure, replicas)
        found.append((process_time() - start) / len(replicas))
    return found


def replicas(inputs: np.ndarray, classes: int, samples: int = SAMPLES) -> list[Replica]:
    draw = np.random.default_rng(1)
    rows = [draw.permutation(len(inputs))[:samples] for _ in range(REPLICAS)]
    labels = [draw.integers(0, classes, samples) for _ in range(REPLICAS)]
    return [
        Replica(inputs, *each, seed, 0.02)
        for seed, each in enumerate(zip(rows, labels, strict=True))
    ]


def evaluations(images: np.ndarray) -> Table:
    table = Table("net", "samples", "batch", "stops, ms a probe", "counts all", "ratio")
    for name, make in (("MLP 64-16-16-10", own_nets.mlp), ("CNN of 4 and 8", own_nets.cnn)):
        for samples, batch in ((40, 32), (300, 32), (1200, 32), (1200, None)):
            asked = Procedure(10, SGD, module=make, batch=batch, epochs=EPOCHS)
            probes = replicas(images, 10, samples)
            stops, counts = (seconds(one("cpu"), asked, probes) for one in (Vmap, CountingVmap))
            ratio = f"{median(counts) / median(stops):.2f}"
            whole = str(batch or "all")
            table.add_row(name, str(samples), whole, _range(stops), _range(counts), ratio)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--evaluation", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    images = load_digits().images[:, None].astype(np.float32) / 16
    Console(width=120).print(evaluations(images) if asked.evaluation else kernels(images))


def kernels(images: np.ndarray) -> Table:
    points = np.random.default_rng(0).normal(size=(500, 12)).astype(np.float32)
    nets = {
        "the README's MLP, Adam": (own_nets.readme, points, 3, Update("adam"), 128),
        "MLP 64-16-16-10": (own_nets.mlp, images, 10, SGD, 32),
        "CNN of 4 and 8 channels": (own_nets.cnn, images, 10, SGD, 32),
        "torch's block of 16, 8 tokens": (own_nets.Transformer, images, 10, SGD, 32),
        "MLP with RMS norms": (own_nets.mlp_with_rms_norms, images, 10, SGD, 32),
        "MLP with batch norms": (own_nets.mlp_with_batch_norms, images, 10, SGD, 32),
        "CNN with batch norms": (own_nets.cnn_with_batch_norms, images, 10, SGD, 32),
        "the same, full batch": (own_nets.cnn_with_batch_norms, images, 10, GD, None),
    }
    table = Table("net", "known as", "kernels, ms a probe", "torch, ms a probe", "by", "gain")
    for name, (make, inputs, classes, update, batch) in nets.items():
        known = recognised(make, inputs.shape[1:], classes)
        asked = Procedure(classes, update, module=known, batch=batch, epochs=EPOCHS)
        probes = replicas(inputs, classes)
        torchs: BackEnd = Vmap("cpu")
        if torchs.refuses(asked):
            torchs = Sequential("cpu")
        ours, theirs = (seconds(one, asked, probes) for one in (NativeBackEnd(), torchs))
        kind = "layers" if isinstance(known.net, tuple) else type(known.net).__name__.lower()
        gain = f"{median(theirs) / median(ours):.0f}x"
        table.add_row(name, kind, _range(ours), _range(theirs), torchs.name, gain)
    return table


def _range(values: list[float]) -> str:
    low, middle, high = (1e3 * pick(values) for pick in (min, median, max))
    return f"{middle:.3g} ({low:.3g} to {high:.3g})"


if __name__ == "__main__":
    main()
