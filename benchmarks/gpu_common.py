"""What the parts of `benchmarks/gpu.py` share: rows, nets, samples and clocks."""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Final

import numpy as np

from emc.engine import Procedure, Replica, Update
from emc.engine.choose import back_end
from emc.engine.procedure import TrainedRun
from emc.errors import EmcError
from emc.nets.build import Factory, transformer_factory
from emc.nets.layers import Conv, Dense, Layers
from emc.nets.transformer import Transformer

CLASSES: Final = 10

Net = Layers | Factory

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


def vit() -> Factory:
    """Of 8 x 8 pixels: five tokens of 16 numbers."""
    return transformer_factory(Transformer(1, 8, 4, 1, 16, 4, "gelu", CLASSES))


def vit_of_mnist() -> Factory:
    """Of 28 x 28 pixels: fifty tokens of 8 numbers."""
    return transformer_factory(Transformer(1, 28, 4, 2, 8, 1, "relu", CLASSES))


def procedure(net: Net, **changes: Any) -> Procedure:
    given: dict[str, Any] = {"update": Update("sgd", momentum=0.9), "epochs": 10} | changes
    given |= {"module": net} if isinstance(net, Factory) else {"layers": net}
    return Procedure(classes=CLASSES, gradient_tolerance=0.0, **given)


def shape_of(net: Net) -> tuple[int, ...]:
    if isinstance(net, Factory):
        return net.shape
    return (1, 28, 28) if isinstance(net[0], Conv) else (64,)


def replicas(count: int, net: Net, n: int = N, lr: float = 1e-3) -> list[Replica]:
    """Samples that no net fits: each comes twice, with two labels."""
    draw = np.random.default_rng(0)
    inputs = draw.standard_normal((n, *shape_of(net))).astype(np.float32)
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
    trainer = back_end(asked, device, name)
    samples = sum(one.n for one in given) * (asked.epochs or 0)
    return [samples / each for each in repeated(lambda: trainer.run(asked, given), device, 3)]


def tried(what: str, rates: Callable[[], list[float]]) -> Row:
    """Rates, or why there are none."""
    try:
        return Row(what, "samples/s", rates())
    except EmcError as error:
        return Row(what, note=str(error).splitlines()[0])
