"""A slow reference for the native back end: float64 torch and torch.optim, step by step."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from emc.engine.fresh import fresh
from emc.engine.native import NativeBackEnd
from emc.engine.order import permutations
from emc.engine.procedure import Procedure, Replica, TrainedRun
from emc.nets.layers import Conv, Layers, initial
from emc.records import THRESHOLDS, Milestone
from emc.seeds import generator

ACTIVATIONS = {
    "relu": nn.ReLU(),
    "leaky-relu": nn.LeakyReLU(),
    "gelu": nn.GELU(),
    "silu": nn.SiLU(),
    "tanh": nn.Tanh(),
    "sigmoid": nn.Sigmoid(),
    "identity": nn.Identity(),
}


class Net(nn.Module):
    """A layered net as a module with the replica's initial weights, in float64."""

    def __init__(self, layers: Layers, rule: str, seed: int) -> None:
        super().__init__()
        self.layers = layers
        start = initial(layers, rule, generator(seed, "weights"))
        for name, values in start.items():
            self.register_parameter(
                name.replace(".", "_"), nn.Parameter(torch.from_numpy(values).double())
            )

    def forward(self, x: Tensor) -> Tensor:
        for number, layer in enumerate(self.layers):
            weight = getattr(self, f"{number}_weight")
            bias = getattr(self, f"{number}_bias", None)
            activation = ACTIVATIONS[layer.activation]
            if isinstance(layer, Conv):
                x = activation(functional.conv2d(x, weight, bias, padding=1))
                x = functional.max_pool2d(x, 2)
            else:
                x = activation(functional.linear(x.flatten(1), weight, bias))
        return x

    def numbers(self) -> dict[str, np.ndarray]:
        return {
            name.replace("_", "."): value.detach().numpy()
            for name, value in self.named_parameters()
        }


class Module(nn.Module):
    """A procedure's module with the replica's initial weights, in float64."""

    def __init__(self, procedure: Procedure, seed: int) -> None:
        super().__init__()
        self.made = fresh(procedure, seed).double()

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.made(x)
        return logits

    def numbers(self) -> dict[str, np.ndarray]:
        return {name: value.detach().numpy() for name, value in self.made.named_parameters()}


@dataclass
class Trace:
    """What the reference saw."""

    net: Net | Module
    steps: int = 0
    rows: int = 0
    epoch_losses: list[float] = field(default_factory=list)
    correct: list[int] = field(default_factory=list)
    epoch_steps: list[int] = field(default_factory=list)
    loss: float = 0.0
    gradient_norm: float = 0.0


def train(procedure: Procedure, replica: Replica) -> Trace:
    """Train for the whole budget, or until the criterion is met."""
    net = (
        Module(procedure, replica.seed)
        if procedure.layers is None
        else Net(procedure.layers, procedure.initialisation, replica.seed)
    )
    x = torch.from_numpy(replica.inputs[replica.rows]).double()
    y = torch.from_numpy(replica.labels)
    optimizer = _optimizer(procedure, net, replica.lr)
    trace = Trace(net)
    epochs = list(_epochs(procedure, replica))
    total = sum(len(batches) for batches in epochs)
    for batches in epochs:
        losses = 0.0
        for batch in batches:
            factor = _factor(procedure, trace.steps, total)
            for group in optimizer.param_groups:
                group["lr"] = replica.lr * factor
            optimizer.zero_grad()
            loss = _loss(procedure, net(x[batch]), y[batch], procedure.label_smoothing)
            loss.backward()
            optimizer.step()
            trace.steps += 1
            trace.rows += len(batch)
            losses += loss.item() * len(batch)
        trace.epoch_losses.append(losses / sum(map(len, batches)))
        trace.correct.append(int((net(x).argmax(1) == y).sum()))
        trace.epoch_steps.append(trace.steps)
        if trace.correct[-1] >= procedure.criterion * replica.n - 1e-9 * replica.n:
            break
    trace.loss = _loss(procedure, net(x), y, 0.0).item()
    trace.gradient_norm = _gradient_norm(procedure, net, x, y)
    return trace


def agree(procedure: Procedure, sample: Replica, tolerance: float = 1e-5) -> TrainedRun:
    """Train natively; the run is the reference's in what is counted, and near it in numbers."""
    (run,) = NativeBackEnd().run(procedure, [sample])
    trace = train(procedure, sample)
    assert (run.epochs, run.steps) == (len(trace.epoch_losses), trace.steps)
    assert run.gradient_evaluations == trace.rows
    close: Any = {"rtol": tolerance, "atol": tolerance}
    expected = trace.net.numbers()
    assert list(run.parameters) == list(expected)
    for name, values in expected.items():
        assert run.parameters[name].dtype == np.float32
        np.testing.assert_allclose(run.parameters[name], values, err_msg=name, **close)
    np.testing.assert_allclose(run.epoch_losses, trace.epoch_losses, **close)
    np.testing.assert_allclose(run.loss, trace.loss, err_msg="loss", **close)
    np.testing.assert_allclose(
        run.gradient_norm, trace.gradient_norm, 10 * tolerance, tolerance, err_msg="gradient norm"
    )
    assert run.accuracy == trace.correct[-1] / sample.n
    assert run.milestones == tuple(
        next(
            (
                Milestone(epoch + 1, trace.epoch_steps[epoch])
                for epoch, correct in enumerate(trace.correct)
                if correct >= threshold * sample.n - 1e-9 * sample.n
            ),
            Milestone(None, None),
        )
        for threshold in THRESHOLDS
    )
    return run


def _epochs(procedure: Procedure, replica: Replica) -> Iterator[list[np.ndarray]]:
    n, steps = replica.n, procedure.steps or 10**9
    size = min(procedure.batch or n, n)
    drawn, used, shuffles, epoch = np.empty(0, dtype=np.int64), 0, 0, 0
    while epoch < (procedure.epochs or 10**9) and steps > 0:
        epoch += 1
        batches = []
        if procedure.batch is None:
            batches = [np.arange(n)]
        elif procedure.order == "stream":
            while used < epoch * n:
                while len(drawn) < size:
                    drawn = np.append(drawn, permutations(replica.seed, n, shuffles, 1)[0])
                    shuffles += 1
                batches.append(drawn[:size])
                drawn, used = drawn[size:], used + size
        else:
            order = permutations(replica.seed, n, epoch - 1, 1)[0]
            if procedure.order == "balanced":
                batches = np.array_split(order, -(-n // size))
            else:
                batches = [order[start : start + size] for start in range(0, n, size)]
        yield batches[:steps]
        steps -= len(batches[:steps])


def _factor(procedure: Procedure, step: int, total: int) -> float:
    warmup = round(procedure.warmup * total)
    factor = (step + 1) / warmup if step < warmup else 1.0
    if procedure.schedule == "cosine":
        factor *= 0.5 * (1 + np.cos(np.pi * step / total))
    return factor


def _optimizer(procedure: Procedure, net: nn.Module, lr: float) -> torch.optim.Optimizer:
    name: str = procedure.update.name
    update: Any = procedure.optimizer
    if name in ("sgd", "gd"):
        return torch.optim.SGD(
            net.parameters(),
            lr,
            momentum=update.momentum,
            nesterov=getattr(update, "nesterov", False),
            weight_decay=update.weight_decay,
        )
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[name]
    betas = (update.beta1, update.beta2)
    return kind(
        net.parameters(),
        lr,
        betas,
        update.epsilon,
        weight_decay=update.weight_decay,
    )


def _loss(procedure: Procedure, logits: Tensor, y: Tensor, smoothing: float) -> Tensor:
    if procedure.loss == "squared-error":
        return functional.mse_loss(logits, functional.one_hot(y, procedure.classes).double())
    return functional.cross_entropy(logits, y, label_smoothing=smoothing)


def _gradient_norm(procedure: Procedure, net: nn.Module, x: Tensor, y: Tensor) -> float:
    objective = _loss(procedure, net(x), y, procedure.label_smoothing)
    if procedure.update.name != "adamw":
        squares = sum((p**2).sum() for p in net.parameters())
        decay: float = getattr(procedure.optimizer, "weight_decay")  # noqa: B009
        objective = objective + 0.5 * decay * squares
    gradients = torch.autograd.grad(objective, list(net.parameters()))
    return torch.stack([(g**2).sum() for g in gradients]).sum().sqrt().item()


def compile_for(target: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let kernels be built anew for another processor, whose code this one must run."""
    monkeypatch.setenv("CXXFLAGS", f"-march={target}")
    monkeypatch.setenv("EMC_CACHE_DIR", str(cache))
    if not _runs_here(target):
        pytest.skip(f"this processor is no {target}")


def _runs_here(target: str) -> bool:
    needed = {"x86-64": "sse2", "x86-64-v3": "avx2"}[target]
    cpuinfo = Path("/proc/cpuinfo")
    return cpuinfo.exists() and needed in cpuinfo.read_text().split()
