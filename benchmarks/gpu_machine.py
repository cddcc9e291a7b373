"""What the card and its driver do: copies, launches, memory, several processes."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import Any, Final

from gpu_common import (
    REHEARSED,
    SIDE,
    TOGETHER,
    Row,
    cnn,
    device_name,
    mlp,
    procedure,
    rate,
    repeated,
    replicas,
    tried,
)
from gpu_training import listening

from emc.engine.choose import back_end


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
    for name, together in (("vmap", 1), ("vmap", 16), ("compiled", 16), ("persistent", 64)):
        given = replicas(together, cnn())
        rates = partial(rate, name, device, asked, given)
        yield tried(f"CNN, {name}, K = {together}", rates)


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


ALONE: Final = """
import sys
sys.path.insert(0, {folder!r})
import gpu_common
from emc.engine import run_probes
print(run_probes(gpu_common.procedure(gpu_common.{net}(), epochs=1),
                 gpu_common.replicas(2, gpu_common.{net}()), {device!r})[0].back_end)
"""

SEEN: Final = """
import os, torch
from emc.jobs.cards import visible_devices
print(torch.cuda.device_count(), "by torch,", len(visible_devices(os.environ)), "by emc")
"""

RATE: Final = """
import sys
sys.path.insert(0, {folder!r})
import gpu_common
layers = gpu_common.mlp()
print(max(gpu_common.rate({name!r}, {device!r}, gpu_common.procedure(layers),
                         gpu_common.replicas(64, layers))))
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
        for net in ("mlp", "cnn", "vit"):
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
