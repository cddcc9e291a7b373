"""The parts of `benchmarks/gpu.py`; each yields rows as it finds them."""

import logging
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from time import perf_counter, process_time
from typing import Any, Final

import numpy as np

from emc.engine import Procedure, Replica, Update
from emc.engine.checkpoint import Snapshot
from emc.engine.choose import back_end
from emc.engine.procedure import TrainedRun
from emc.errors import EmcError
from emc.nets.layers import Conv, Dense, Layers

CLASSES: Final = 10
REHEARSED: Final = "--rehearse" in sys.argv
"""On a processor, where small sizes show that the parts run."""
N: Final = 100 if REHEARSED else 1000
TOGETHER: Final = (4,) if REHEARSED else (4, 64, 512)
NATIVE_EPOCHS: Final = 300 if REHEARSED else 3000
SIDE: Final = 256 if REHEARSED else 4096


@dataclass(frozen=True)
class Row:
    """A line of the table: a number measured several times, or a finding in words."""

    what: str
    unit: str = ""
    values: list[float] = field(default_factory=list)
    note: str = ""


@dataclass(frozen=True)
class Part:
    """What a part shows, how long it may take, and its work."""

    what: str
    seconds: int
    rows: Callable[[str], Iterator[Row]]
    environment: dict[str, str] = field(default_factory=dict)


def device_name() -> str | None:
    """The model of the card, or None where torch finds none."""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else None


def mlp(width: int = 16) -> Layers:
    sizes = ((64, width), (width, width))
    hidden = tuple(Dense(*size, True, "relu") for size in sizes)
    return (*hidden, Dense(width, CLASSES, True, "identity"))


def cnn(channels: int = 8) -> Layers:
    stages = (Conv(1, channels, 28, 28, "relu"), Conv(channels, 2 * channels, 14, 14, "relu"))
    return (*stages, Dense(2 * channels * 49, CLASSES, True, "identity"))


def procedure(layers: Layers, **changes: Any) -> Procedure:
    given: dict[str, Any] = {"update": Update("sgd", momentum=0.9), "epochs": 10} | changes
    return Procedure(classes=CLASSES, layers=layers, gradient_tolerance=0.0, **given)


def replicas(count: int, layers: Layers, n: int = N, lr: float = 1e-3) -> list[Replica]:
    """Samples that no net fits: each comes twice, with two labels."""
    draw = np.random.default_rng(0)
    shape = (1, 28, 28) if isinstance(layers[0], Conv) else (64,)
    inputs = draw.standard_normal((n, *shape)).astype(np.float32)
    rows, labels = np.arange(n) // 2, np.arange(n) % CLASSES
    return [Replica(inputs, rows, labels, seed, lr) for seed in range(count)]


def synchronised(device: str) -> None:
    import torch

    if device == "cuda":
        torch.cuda.synchronize()


def seconds(call: Callable[[], object], device: str) -> float:
    synchronised(device)
    began = perf_counter()
    call()
    synchronised(device)
    return perf_counter() - began


def repeated(call: Callable[[], object], device: str, times: int = 5) -> list[float]:
    call()
    return [seconds(call, device) for _ in range(times)]


def apart(found: Sequence[TrainedRun], expected: Sequence[TrainedRun]) -> float:
    """The largest difference of a parameter."""
    return max(
        float(np.abs(one.parameters[name] - values).max())
        for one, other in zip(found, expected, strict=True)
        for name, values in other.parameters.items()
    )


def rate(name: str, device: str, asked: Procedure, given: Sequence[Replica]) -> list[float]:
    """Samples per second that a back end trains, repeated; its first run is not counted."""
    engine = back_end(asked, device, name)
    samples = sum(one.n for one in given) * (asked.epochs or 0)
    return [samples / each for each in repeated(lambda: engine.run(asked, given), device, 3)]


def environment(device: str) -> Iterator[Row]:
    import torch

    yield Row("torch", note=f"{torch.__version__}, CUDA {torch.version.cuda}")
    yield Row("card", note=f"{device_name()}, CUDA_VISIBLE_DEVICES={visible()}")
    if device == "cuda":
        found = torch.cuda.get_device_properties(0)
        note = f"{found.multi_processor_count} multiprocessors, {found.total_memory >> 30} GiB"
        yield Row("its size", note=note)
    megabytes = torch.zeros(1 << 24)
    for kind, held in pinned_and_not(megabytes, device):
        spent = repeated(partial(held.to, device), device)
        yield Row(f"copy, {kind}", "GB/s", [held.nbytes / each / 1e9 for each in spent])
    a = torch.randn(SIDE, SIDE, device=device)
    spent = repeated(lambda: a @ a, device)
    speeds = [2 * SIDE**3 / each / 1e12 for each in spent]
    yield Row(f"product of {SIDE} x {SIDE}", "TFLOP/s", speeds)
    x = torch.zeros(1, device=device)
    spent = repeated(lambda: [x.add_(1) for _ in range(1000)], device)
    yield Row("launch of a kernel", "us", [1e3 * each for each in spent])
    if device == "cuda":
        from emc.engine.stacked.graphs import captured

        graph = captured(lambda: ([x.add_(1) for _ in range(1000)], None)[1])
        yield Row("node of a graph", "us", [1e3 * each for each in repeated(graph.replay, device)])


def visible() -> str:
    return os.environ.get("CUDA_VISIBLE_DEVICES", "not set")


def pinned_and_not(tensor: Any, device: str) -> Iterator[tuple[str, Any]]:
    yield "pageable memory", tensor
    if device == "cuda":
        yield "pinned memory", tensor.pin_memory()


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
    yield Row("MLP, eager loop", "samples/s", eager(device))
    for workers in sorted({1, os.cpu_count() or 1}):
        yield Row(f"MLP, native, {workers} cores", "samples/s", native(workers))
    for together in TOGETHER:
        given = replicas(together, mlp())
        for name in ("vmap", "compiled", "persistent"):
            yield tried(f"MLP, {name}, K = {together}", partial(rate, name, device, asked, given))
        host, whole = host_share(device, asked, given)
        yield Row(f"planning an epoch on the host, K = {together}", "of its time", [host / whole])


def tried(what: str, rates: Callable[[], list[float]]) -> Row:
    """Rates, or why there are none."""
    try:
        return Row(what, "samples/s", rates())
    except EmcError as error:
        return Row(what, note=str(error).splitlines()[0])


def eager(device: str) -> list[float]:
    """The usual loop: one net, batches on the device, torch.optim."""
    import torch
    from torch.nn import functional

    from emc.nets.module import module

    (given,) = replicas(1, mlp())
    x = torch.from_numpy(given.inputs[given.rows]).to(device)
    y = torch.from_numpy(given.labels).to(device)
    net = module(mlp()).to(device)
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3, momentum=0.9)

    def epoch() -> None:
        for rows in torch.randperm(N, device=device).split(128):  # type: ignore[no-untyped-call]
            optimizer.zero_grad()
            torch.autograd.backward(functional.cross_entropy(net(x[rows]), y[rows]))
            optimizer.step()

    return [N / each for each in repeated(epoch, device)]


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


def convolutions(device: str) -> Iterator[Row]:
    import torch
    from torch.nn import functional

    for together in (1, *TOGETHER[1:2], TOGETHER[0]):
        x = torch.randn(128, 8 * together, 14, 14, device=device, requires_grad=True)
        w = torch.randn(16 * together, 8, 3, 3, device=device, requires_grad=True)

        def grouped(x: Any = x, w: Any = w, groups: int = together) -> None:
            functional.conv2d(x, w, padding=1, groups=groups).sum().backward()  # type: ignore[no-untyped-call]

        def columns(x: Any = x, w: Any = w, groups: int = together) -> None:
            unfolded = functional.unfold(x, 3, padding=1).view(128, groups, 72, 196)
            (w.view(groups, 16, 72) @ unfolded).sum().backward()

        for kind, call in (("grouped", grouped), ("columns and products", columns)):
            spent = [1e3 * each for each in repeated(call, device, 3)]
            yield Row(f"convolution of {together} nets, {kind}", "ms", spent)
    asked = procedure(cnn(), epochs=2)
    for name, together in (("vmap", 1), ("vmap", 16), ("compiled", 16)):
        given = replicas(together, cnn())
        yield Row(f"CNN, {name}, K = {together}", "samples/s", rate(name, device, asked, given))


def certificates(device: str) -> Iterator[Row]:
    from emc.curvature import EndPoint, Objective, autograd, certify_end_points
    from emc.nets.module import module

    asked, given = procedure(mlp()), replicas(2, mlp(), n=600)
    runs = back_end(asked, "cpu", "sequential").run(asked, given)
    ends = [
        EndPoint(run.parameters, one.inputs[one.rows], one.labels, plateau=0.0, seed=one.seed)
        for run, one in zip(runs, given, strict=True)
    ]
    began = perf_counter()
    here = certify_end_points(mlp(), ends, Objective())
    yield Row("certificate, kernels", "s", [(perf_counter() - began) / len(ends)])
    for chunk in (512, 8192):
        autograd.CHUNK = chunk  # type: ignore[misc]
        began = perf_counter()
        there = certify_end_points(partial(module, mlp()), ends, Objective(), device=device)
        spent = (perf_counter() - began) / len(ends)
        off = max(abs(a.lambda_min - b.lambda_min) for a, b in zip(there, here, strict=True))
        note = f"lambda_min differs by {off:.1e}"
        yield Row(f"certificate, torch, chunks of {chunk}", "s", [spent], note)


def memory(device: str) -> Iterator[Row]:
    import torch

    if device == "cuda":
        total = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, 600e6 / total))
    few = 8 if REHEARSED else 256
    asked, given = procedure(mlp(64), epochs=2, batch=512), replicas(few, mlp(64))
    for name in ("vmap", "compiled"):
        with listening() as said:
            runs = back_end(asked, device, name).run(asked, given)
        halved = [line for line in said if "out of memory" in line]
        yield Row(f"{name} in 600 MB", note=f"{len(runs)} runs; halved {len(halved)} times")


@dataclass
class Once:
    """Checkpoints that are kept, and end the call at one of them."""

    at: int
    saves: int = 0
    kept: Snapshot | None = None

    def load(self) -> Snapshot | None:
        """What was saved last."""
        return self.kept

    def due(self) -> bool:
        """Always."""
        return True

    def save(self, snapshot: Snapshot) -> None:
        """Keep it."""
        self.kept, self.saves = snapshot, self.saves + 1
        if self.saves == self.at:
            raise KeyboardInterrupt


def bits(device: str) -> Iterator[Row]:
    asked, given = procedure(mlp()), replicas(16, mlp())
    for name in ("sequential", "vmap", "compiled", "persistent"):
        try:
            call = partial(back_end(asked, device, name).run, asked, given)
            yield Row(f"{name}: largest difference", note=differences(call))
        except EmcError as error:
            yield Row(name, note=str(error).splitlines()[0])
    yield from modules(device)


def differences(call: Callable[..., list[TrainedRun]]) -> str:
    """Of a second run, and of one that is killed and goes on."""
    first, kept = call(), Once(2)
    with suppress(KeyboardInterrupt):
        call(kept)
    return f"again {apart(call(), first):.1e}, killed and resumed {apart(call(kept), first):.1e}"


def modules(device: str) -> Iterator[Row]:
    from torch import nn

    from emc.nets.build import net
    from emc.study.architectures import Vit

    draw = np.random.default_rng(2)
    images = draw.standard_normal((N, 1, 8, 8)).astype(np.float32)
    given = [Replica(images, np.arange(64), np.arange(64) % CLASSES, 1, 1e-3)]
    vit = net(Vit(name="vit", depth=1, width=8), "gelu", "torch", (1, 8, 8), CLASSES)

    def dropping() -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Dropout(0.2), nn.Linear(64, CLASSES))

    for kind, made in (("ViT", vit), ("a net with dropout", dropping)):
        asked = Procedure(CLASSES, Update("sgd"), module=made, epochs=3)  # type: ignore[arg-type]
        engine = back_end(asked, device)
        runs = engine.run(asked, given)
        expected = back_end(asked, "cpu", "sequential").run(asked, given)
        note = f"{engine.name}, off by {apart(runs, expected):.1e} from the processor"
        yield Row(kind, note=note)


ALONE: Final = """
import sys
sys.path.insert(0, {folder!r})
import gpu_parts
from emc.engine import run_probes
print(run_probes(gpu_parts.procedure(gpu_parts.{net}(), epochs=1),
                 gpu_parts.replicas(2, gpu_parts.{net}()), {device!r})[0].back_end)
"""
SEEN: Final = """
import os, torch
from emc.jobs.cards import visible_devices
print(torch.cuda.device_count(), "by torch,", len(visible_devices(os.environ)), "by emc")
"""
RATE: Final = """
import sys
sys.path.insert(0, {folder!r})
import gpu_parts
layers = gpu_parts.mlp()
print(max(gpu_parts.rate({name!r}, {device!r}, gpu_parts.procedure(layers),
                         gpu_parts.replicas(64, layers))))
"""


def python(code: str, **changes: str) -> subprocess.Popen[str]:
    folder = os.path.dirname(__file__)
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([folder, *sys.path]), **changes}
    command = [sys.executable, "-c", code]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env
    )


def said(process: subprocess.Popen[str]) -> str:
    out, errors = process.communicate()
    return (out.strip() or errors.strip() or "nothing").splitlines()[-1]


def sharing(device: str) -> Iterator[Row]:
    folder = os.path.dirname(__file__)
    with tempfile.TemporaryDirectory() as cache:
        false = {"CC": "/bin/false", "CXX": "/bin/false", "EMC_CACHE_DIR": cache}
        for net in ("mlp", "cnn"):
            code = ALONE.format(folder=folder, net=net, device=device)
            yield Row(f"without a C++ compiler, {net}", note=said(python(code, **false)))
    for named in ("0", uuid(), "NoDevFiles", "0,0"):
        found = said(python(SEEN, CUDA_VISIBLE_DEVICES=named))
        yield Row(f"CUDA_VISIBLE_DEVICES={named}", note=found)
    for name in ("vmap", "persistent"):
        for count in (1, 2, 4):
            code = RATE.format(folder=folder, name=name, device=device)
            running = [python(code) for _ in range(count)]
            rates = [said(each) for each in running]
            numbers = [float(each) for each in rates if each.replace(".", "").isdigit()]
            what = f"{name}, K = 64, {count} processes on the card"
            note = "" if len(numbers) == count else rates[0]
            yield Row(what, "samples/s", [sum(numbers)] if numbers else [], note)


def uuid() -> str:
    with suppress(FileNotFoundError):
        command = ["nvidia-smi", "--query-gpu=uuid", "--format=csv,noheader"]
        found = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        if found.strip():
            return found.splitlines()[0]
    return "GPU-0"


def optimizers(device: str) -> Iterator[Row]:
    layers, together = mlp(), 16
    for name in ("sgd", "muon", "sam", "shampoo", "soap"):
        asked = procedure(layers, update=Update(name), epochs=2)
        engine, given = back_end(asked, device, "vmap"), replicas(together, layers)
        steps = 2 * -(-N // 128)
        spent = repeated(partial(engine.run, asked, given), device, 3)
        yield Row(f"{name}, K = {together}", "ms/step", [1e3 * each / steps for each in spent])


def persistent(device: str) -> Iterator[Row]:
    from emc.engine.persistent import Persistent
    from emc.engine.persistent.card import Card
    from emc.engine.persistent.placement import block_kernel, placement
    from emc.native.nvrtc import compiled

    limits = Card().limits()
    for width in (16, 64):
        layers = mlp(width)
        placed = placement(layers, limits)  # type: ignore[arg-type]
        found = compiled(block_kernel(layers, placed), architecture())  # type: ignore[arg-type]
        note = f"{found.registers} registers, {found.spilled} bytes spilled, {placed}"
        yield Row(f"MLP of width {width}, its kernel", note=note)
        for name in ("sgd", "adam"):
            asked = procedure(layers, update=Update(name), epochs=50)
            yield error_of(asked, device)
            for together in (1, 64, 264, 1056):
                engine, given = Persistent(Card()), replicas(together, layers)
                spent = repeated(partial(engine.run, asked, given), device, 3)
                rates = [together * N * 50 / each for each in spent]
                yield Row(f"width {width}, {name}, K = {together}", "samples/s", rates)


def architecture() -> str:
    import torch

    return "sm_{}{}".format(*torch.cuda.get_device_capability())


def error_of(asked: Procedure, device: str) -> Row:
    short, given = replace(asked, epochs=None, steps=50), replicas(4, asked.layers or ())
    found = back_end(short, device, "persistent").run(short, given)
    expected = back_end(short, "cpu", "sequential").run(short, given)
    return Row("after 50 steps, against the processor", "of a weight", [apart(found, expected)])


PARTS: Final = (
    Part("the card: copies, products, launches and nodes of graphs", 25, environment),
    Part("a graph replays; sequential and vmap against the processor", 25, replay),
    Part("compiled: the first call, later ones, and their numbers", 90, compiling),
    Part("an epoch on host and device, against eager and native training", 70, epochs),
    Part("one cell, there and on the processor", 60, cell),
    Part("grouped convolutions against columns and products", 50, convolutions),
    Part("certificates in small and large chunks against the kernels", 50, certificates),
    Part("memory that ends: eager, warm-up and capture", 30, memory),
    Part(
        "the same where large pieces are not split",
        30,
        memory,
        {"PYTORCH_CUDA_ALLOC_CONF": "max_split_size_mb:32"},
    ),
    Part("bits of two runs, of a killed and resumed one; a ViT; dropout", 40, bits),
    Part("no compiler; visible devices; several processes on the card", 50, sharing),
    Part("Muon, SAM, Shampoo and SOAP", 30, optimizers),
    Part("the persistent kernel: speed and error", 50, persistent),
)
"""In the order of what is needed to believe the next one."""
