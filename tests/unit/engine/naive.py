"""A training loop in float64, written out with nothing of the engine's own code.

Orders, batches, schedules, losses, optimizers and stopping rules are written anew here, for plans
of dense and convolutional layers, as the definitions of the protocol read.
"""

from dataclasses import dataclass, field
from itertools import chain
from math import ceil, cos, isfinite, pi, sqrt
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from emc.engine.procedure import Procedure, Replica
from emc.nets.layers import Conv, initial
from emc.seeds import derive, generator

MASK = (1 << 64) - 1
LAYERS = {
    "relu": nn.ReLU(),
    "leaky-relu": nn.LeakyReLU(0.01),
    "gelu": nn.GELU(),
    "silu": nn.SiLU(),
    "tanh": nn.Tanh(),
    "sigmoid": nn.Sigmoid(),
    "identity": nn.Identity(),
}


@dataclass
class Trained:
    ended: str = ""
    epoch_losses: list[float] = field(default_factory=list)
    steps: int = 0
    seen: int = 0
    milestones: dict[float, tuple[int, int]] = field(default_factory=dict)
    accuracy: float = 0.0
    loss: float = 0.0
    gradient_norm: float = 0.0
    weights: dict[str, Tensor] = field(default_factory=dict)


def shuffled(seed: int, epoch: int, n: int) -> list[int]:
    state, order = (derive(seed, "order") + (epoch << 32)) & MASK, list(range(n))
    for last in range(n - 1, 0, -1):
        state = (state + 0x9E3779B97F4A7C15) & MASK
        z = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        other = (((z ^ (z >> 31)) >> 32) * (last + 1)) >> 32
        order[last], order[other] = order[other], order[last]
    return order


def epochs_of_batches(asked: Procedure, seed: int, n: int, epochs: int) -> list[list[list[int]]]:
    if asked.batch is None:
        return [[list(range(n))] for _ in range(epochs)]
    batch = min(asked.batch, n)
    orders = [shuffled(seed, epoch, n) for epoch in range(epochs + 1)]
    if asked.order == "stream":
        stream = list(chain.from_iterable(orders))
        found, start = [], 0
        for epoch in range(1, epochs + 1):
            own = []
            while start < epoch * n:
                own.append(stream[start : start + batch])
                start += batch
            found.append(own)
        return found
    if asked.order == "balanced":
        parts = ceil(n / batch)
        return [[p.tolist() for p in np.array_split(order, parts)] for order in orders[:-1]]
    return [[order[i : i + batch] for i in range(0, n, batch)] for order in orders[:-1]]


class NaiveTraining:
    def __init__(self, asked: Procedure, replica: Replica) -> None:
        assert asked.layers is not None
        self.asked, self.layers, self.n = asked, asked.layers, replica.n
        self.rule: Any = asked.optimizer
        self.name = asked.update.name
        self.x = torch.from_numpy(replica.inputs[replica.rows]).double()
        self.y = torch.from_numpy(replica.labels)
        draw = generator(replica.seed, "weights")
        start = initial(self.layers, asked.initialisation, draw)
        self.weights = {k: torch.from_numpy(v).double() for k, v in start.items()}
        self.state = {k: [torch.zeros_like(v) for _ in range(2)] for k, v in self.weights.items()}
        self.seed, self.lr, self.t = replica.seed, replica.lr, 0

    def logits(self, weights: dict[str, Tensor], x: Tensor) -> Tensor:
        for index, layer in enumerate(self.layers):
            w, b = weights[f"{index}.weight"], weights.get(f"{index}.bias")
            if isinstance(layer, Conv):
                x = torch.conv2d(x, w, b, padding=1)
                x = torch.max_pool2d(LAYERS[layer.activation](x), 2)
            else:
                x = x.flatten(1) @ w.T + (0 if b is None else b)
                x = LAYERS[layer.activation](x)
        return x

    def loss(self, weights: dict[str, Tensor], rows: list[int], smoothing: float) -> Tensor:
        logits, labels = self.logits(weights, self.x[rows]), self.y[rows]
        hot = torch.eye(self.asked.classes, dtype=torch.float64)[labels]
        if self.asked.loss == "squared-error":
            return ((logits - hot) ** 2).mean()
        target = (1 - smoothing) * hot + smoothing / self.asked.classes
        return -(target * logits.log_softmax(1)).sum(1).mean()

    def gradient(self, rows: list[int]) -> tuple[float, dict[str, Tensor]]:
        weights = {k: w.clone().requires_grad_() for k, w in self.weights.items()}
        loss = self.loss(weights, rows, self.asked.label_smoothing)
        torch.autograd.backward(loss)
        decay = 0 if self.name == "adamw" else self.rule.weight_decay
        return loss.item(), {k: w.grad + decay * w.detach() for k, w in weights.items()}

    def step(self, rows: list[int], lr: float) -> float:
        loss, gradients = self.gradient(rows)
        self.t += 1
        for name, g in gradients.items():
            step = self.adam(name, g) if self.name.startswith("adam") else self.sgd(name, g)
            if self.name == "adamw":
                self.weights[name] = self.weights[name] * (1 - lr * self.rule.weight_decay)
            self.weights[name] = self.weights[name] - lr * step
        return loss

    def sgd(self, name: str, g: Tensor) -> Tensor:
        v = self.state[name][0] = self.rule.momentum * self.state[name][0] + g
        return g + self.rule.momentum * v if getattr(self.rule, "nesterov", False) else v

    def adam(self, name: str, g: Tensor) -> Tensor:
        m, v = self.state[name]
        m = self.rule.beta1 * m + (1 - self.rule.beta1) * g
        v = self.rule.beta2 * v + (1 - self.rule.beta2) * g**2
        self.state[name] = [m, v]
        unbiased = m / (1 - self.rule.beta1**self.t)
        return unbiased / ((v / (1 - self.rule.beta2**self.t)) ** 0.5 + self.rule.epsilon)

    def rate(self, total: int) -> float:
        warm = round(self.asked.warmup * total)
        rise = min(1.0, (self.t + 1) / warm) if warm else 1.0
        fall = 0.5 * (1 + cos(pi * self.t / total)) if self.asked.schedule == "cosine" else 1.0
        return self.lr * rise * fall

    def accuracy(self) -> float:
        return (self.logits(self.weights, self.x).argmax(1) == self.y).double().mean().item()

    def norm(self) -> float:
        _, gradients = self.gradient(list(range(self.n)))
        return sqrt(sum((g**2).sum().item() for g in gradients.values()))

    def flat(self, losses: list[float]) -> bool:
        last = losses[-10:]
        spread = (max(last) - min(last)) / max(abs(np.mean(last)), 1e-300)
        return len(losses) >= 10 and spread <= self.asked.plateau_tolerance

    def run(self) -> Trained:
        asked, done = self.asked, Trained()
        many = asked.epochs or asked.steps or 0
        made = epochs_of_batches(asked, self.seed, self.n, many)
        total = asked.steps or sum(map(len, made))
        for epoch, whole in enumerate(made, start=1):
            batches = whole[: total - done.steps]
            losses = [self.step(rows, self.rate(total)) for rows in batches]
            sizes = [len(rows) for rows in batches]
            done.steps, done.seen = done.steps + len(batches), done.seen + sum(sizes)
            done.epoch_losses.append(float(np.average(losses, weights=sizes)))
            done.ended = self.ended(epoch, done, over=done.steps == total)
            if done.ended:
                break
        with torch.no_grad():
            done.loss = self.loss(self.weights, list(range(self.n)), 0.0).item()
        done.accuracy, done.gradient_norm = self.accuracy(), self.norm()
        done.weights = self.weights
        return done

    def ended(self, epoch: int, done: Trained, *, over: bool) -> str:
        if not isfinite(done.epoch_losses[-1]):
            return "diverged"
        accuracy = self.accuracy()
        for threshold in (0.90, 0.99, 0.995, 1.0):
            if accuracy >= threshold - 1e-9:
                done.milestones.setdefault(threshold, (epoch, done.steps))
        if accuracy >= self.asked.criterion - 1e-9:
            return "fit"
        looks = over or epoch % 10 == 0
        if looks and self.flat(done.epoch_losses) and self.norm() <= self.asked.gradient_tolerance:
            return "stationary"
        return "budget" if over else ""
