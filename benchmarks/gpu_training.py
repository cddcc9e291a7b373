"""How fast back ends train on the card, and whether they train alike."""

import logging
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from time import perf_counter, process_time
from typing import Any

import numpy as np
from gpu_common import (
    CLASSES,
    NATIVE_EPOCHS,
    TOGETHER,
    N,
    Net,
    Row,
    apart,
    cnn,
    mlp,
    procedure,
    rate,
    repeated,
    replicas,
    seconds,
    tried,
    vit,
    vit_of_mnist,
)

from emc.engine import Procedure, Replica, Update
from emc.engine.choose import back_end
from emc.nets.build import Factory
from emc.nets.layers import Dense, Layers


def replay(device: str) -> Iterator[Row]:
    import torch

    from emc.engine.stacked.graphs import captured

    asked, given = procedure(mlp()), replicas(3, mlp(), lr=0.02)
    expected = back_end(asked, "cpu", "sequential").run(asked, given)
    for name in ("sequential", "vmap"):
        found = back_end(asked, device, name).run(asked, given)
        yield Row(f"{name} against the processor", "of a weight", [apart(found, expected)])
    x = torch.ones(3, device=device)
    graph = captured(lambda: (x.mul_(2), None)[1])
    start = x.clone()
    graph.replay()
    graph.replay()
    yield Row("a graph replays", note=str(torch.equal(x, 4 * start)))


@contextmanager
def listening() -> Iterator[list[str]]:
    """What emc logs meanwhile."""
    lines: list[str] = []

    def keep(record: logging.LogRecord) -> bool:
        lines.append(record.getMessage())
        return False

    handler, logger = logging.NullHandler(logging.INFO), logging.getLogger("emc")
    handler.handle = keep  # type: ignore[method-assign]
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield lines
    finally:
        logger.removeHandler(handler)


def compiling(device: str) -> Iterator[Row]:
    yield from compiled("MLP", mlp(), device)
    yield from compiled("CNN", cnn(), device)


def compiled(kind: str, layers: Layers, device: str) -> Iterator[Row]:
    asked, given = procedure(layers, epochs=3), replicas(8, layers)
    call = partial(back_end(asked, device, "compiled").run, asked, given)
    with listening() as lines, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        cold = seconds(call, device)
    programs = sum(line.startswith("compiled '") for line in lines)
    note = f"{programs} programs, {len(warned)} warnings"
    yield Row(f"{kind}, compiled: first call", "s", [cold], note)
    yield Row(f"{kind}, compiled: later calls", "s", repeated(call, device, 3))
    expected = back_end(asked, "cpu", "sequential").run(asked, given[:2])
    difference = apart(call()[:2], expected)
    yield Row(f"{kind}, compiled against the processor", "of a weight", [difference])


def epochs(device: str) -> Iterator[Row]:
    asked = procedure(mlp())
    yield Row("MLP, eager loop", "samples/s", eager(device, mlp()))
    for workers in sorted({1, os.cpu_count() or 1}):
        yield Row(f"MLP, native, {workers} cores", "samples/s", native(workers))
    for together in TOGETHER:
        given = replicas(together, mlp())
        for name in ("vmap", "compiled", "persistent"):
            yield tried(f"MLP, {name}, K = {together}", partial(rate, name, device, asked, given))
        host, whole = host_share(device, asked, given)
        yield Row(f"planning an epoch on the host, K = {together}", "of its time", [host / whole])


def eager(device: str, net: Net) -> list[float]:
    """Samples per second of the usual loop: one net, batches on the device, torch.optim."""
    import torch

    (given,) = replicas(1, net)
    x = torch.from_numpy(given.inputs[given.rows]).to(device)
    y = torch.from_numpy(given.labels).to(device)
    step = eager_step(net, device)

    def epoch() -> None:
        for rows in torch.randperm(N, device=device).split(128):  # type: ignore[no-untyped-call]
            step(x[rows], y[rows])

    return [N / each for each in repeated(epoch, device)]


def eager_step(net: Net, device: str) -> Callable[[Any, Any], None]:
    """A step of that loop on a batch and its labels."""
    import torch
    from torch.nn import functional

    from emc.nets.module import module

    made = (net() if isinstance(net, Factory) else module(net)).to(device)
    optimizer = torch.optim.SGD(made.parameters(), lr=1e-3, momentum=0.9, foreach=True)

    def step(x: Any, y: Any) -> None:
        optimizer.zero_grad()
        torch.autograd.backward(functional.cross_entropy(made(x), y))
        optimizer.step()

    return step


def native(workers: int) -> list[float]:
    with ProcessPoolExecutor(workers) as pool:
        list(pool.map(native_seconds, range(workers)))
        began = perf_counter()
        list(pool.map(native_seconds, range(workers)))
    return [workers * NATIVE_EPOCHS * N / (perf_counter() - began)]


def native_seconds(_: int) -> float:
    asked = procedure(mlp(), epochs=NATIVE_EPOCHS)
    began = process_time()
    back_end(asked, "cpu", "native").run(asked, replicas(1, mlp()))
    return process_time() - began


def host_share(device: str, asked: Procedure, given: Sequence[Replica]) -> tuple[float, float]:
    """Seconds of planning batches in a call of `vmap`, and of the whole call."""
    from emc.engine.stacked.lockstep import Lockstep

    spent, plan = [], Lockstep._steps_of

    def timed(*arguments: Any) -> Any:
        began = perf_counter()
        planned = plan(*arguments)
        spent.append(perf_counter() - began)
        return planned

    Lockstep._steps_of = timed  # type: ignore[method-assign,assignment]
    try:
        whole = seconds(lambda: back_end(asked, device, "vmap").run(asked, given), device)
    finally:
        Lockstep._steps_of = plan  # type: ignore[method-assign]
    return sum(spent), whole


def cell(device: str) -> Iterator[Row]:
    """One number by `emc.measure`, there and on the processor."""
    import torch
    from torch import nn

    import emc

    draw = np.random.default_rng(1)
    inputs = torch.from_numpy(draw.standard_normal((4000, 64)).astype(np.float32))
    labels = torch.from_numpy(draw.integers(0, CLASSES, 4000))

    def make() -> nn.Module:
        return nn.Sequential(
            *(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, CLASSES))
        )

    for place in dict.fromkeys((device, "cpu")):
        began = perf_counter()
        found = emc.measure(
            make, (inputs, labels), labels="random", optimizer={"name": "sgd", "lr": 0.1},
            epochs=100, device=place, aim="budget", tolerance=0.1, progress=False,
            finish={"iterations": 0},
        )  # fmt: skip
        told = found.estimate
        note = f"{told.probes} probes in {told.rounds} rounds, {told.back_end}"
        yield Row(f"a cell on {place}", "s", [perf_counter() - began], note)


def optimizers(device: str) -> Iterator[Row]:
    layers, together = mlp(), 16
    for name in ("sgd", "muon", "sam", "shampoo", "soap"):
        asked = procedure(layers, update=Update(name), epochs=2)
        trainer, given = back_end(asked, device, "vmap"), replicas(together, layers)
        steps = 2 * -(-N // 128)
        spent = repeated(partial(trainer.run, asked, given), device, 3)
        yield Row(f"{name}, K = {together}", "ms/step", [1e3 * each / steps for each in spent])


def persistent(device: str) -> Iterator[Row]:
    yield from in_blocks("MLP of width 16", mlp(), device)
    yield from in_blocks("MLP of width 64", mlp(64), device)
    yield from in_blocks("CNN of 8 channels", cnn(), device)


def transformers(device: str) -> Iterator[Row]:
    yield from in_blocks("ViT of 8 x 8 pixels", vit(), device)
    yield from in_blocks("ViT of 28 x 28 pixels", vit_of_mnist(), device)


def in_blocks(kind: str, net: Net, device: str) -> Iterator[Row]:
    """The persistent kernel of a net: what it takes, how far it is off, and how fast it is."""
    yield Row(f"{kind}, its kernel", note=kernel(net))
    if net != mlp():
        yield Row(f"{kind}, eager loop", "samples/s", eager(device, net))
    epochs = 50 if isinstance(net, tuple) and isinstance(net[0], Dense) else 5
    for name in ("sgd", "adam"):
        asked = procedure(net, update=Update(name), epochs=epochs)
        yield error_of(asked, replicas(4, net), device)
        for together in (1, 64, 264, 1056):
            rates = partial(rate, "persistent", device, asked, replicas(together, net))
            yield tried(f"{kind}, {name}, K = {together}", rates)


def kernel(net: Net) -> str:
    """What its compiler says, and where it keeps its numbers."""
    from emc.engine.persistent.card import Card
    from emc.engine.persistent.placement import block_kernel, placement
    from emc.engine.persistent.refusal import block_net
    from emc.native.nvrtc import compiled

    known = block_net(procedure(net))
    placed = placement(known, Card().limits())
    found = compiled(block_kernel(known, placed), architecture())
    return f"{found.registers} registers, {found.spilled} bytes spilled, {placed}"


def architecture() -> str:
    import torch

    return "sm_{}{}".format(*torch.cuda.get_device_capability())


def error_of(asked: Procedure, given: Sequence[Replica], device: str) -> Row:
    short = replace(asked, epochs=None, steps=50)
    found = back_end(short, device, "persistent").run(short, given)
    expected = back_end(short, "cpu", "sequential").run(short, given)
    return Row("after 50 steps, against the processor", "of a weight", [apart(found, expected)])
