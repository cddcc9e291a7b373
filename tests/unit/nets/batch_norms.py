"""Nets with batch norms: those that the kernels know, and those that only look so."""

from collections.abc import Callable
from typing import Any

import torch
from tests.unit.nets.own_modules import CLASSES, Make
from torch import Tensor, nn
from torch.nn import functional


class NormedResidual(nn.Module):
    """Residual blocks with batch norms over channels, over features and over tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(2, 3, 3, bias=False), nn.BatchNorm2d(3)
        self.inner, self.bare = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3, affine=False, momentum=0.5)
        self.tokens = nn.BatchNorm1d(3, eps=1e-2, momentum=None)
        self.last, self.head = nn.BatchNorm1d(108, bias=False), nn.Linear(108, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.norm(self.first(x)))
        x = x + self.bare(self.inner(x))
        x = self.last(self.tokens(x.flatten(2)).flatten(1))
        logits: Tensor = self.head(x)
        return logits


def batch_normed(**options: Any) -> Make:
    """A CNN with batch norms, before which no layer has a bias."""
    return lambda: nn.Sequential(
        *(nn.Conv2d(2, 3, 3, stride=2, bias=False), nn.BatchNorm2d(3, **options), nn.Tanh()),
        *(nn.Flatten(), nn.Linear(27, 6, bias=False), nn.BatchNorm1d(6, **options), nn.Tanh()),
        nn.Linear(6, CLASSES),
    )


BATCH_NORMED: dict[str, Make] = {
    "as it is": batch_normed(),
    "mean of all batches": batch_normed(momentum=None),
    "the newest batch": batch_normed(momentum=1.0),
    "no batch": batch_normed(momentum=0.0),
    "without parameters": batch_normed(affine=False),
    "without shifts": batch_normed(bias=False, eps=1e-2),
    "without running statistics": batch_normed(track_running_stats=False),
    "residual": NormedResidual,
}
"""Nets whose samples depend on one another in training."""


class Named(nn.BatchNorm1d):
    """A batch norm with a name of its own."""


class Normed(nn.Module):
    """Two batch norms, of which a subclass does something else."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.inner = nn.Linear(128, 6), nn.Linear(6, 6)
        self.norm, self.other = nn.BatchNorm1d(6), nn.BatchNorm1d(6)
        self.head = nn.Linear(6, CLASSES)

    def forward(self, x: Tensor) -> Any:
        x = self.norm(self.embed(x.flatten(1)))
        return self.head(self.other(self.inner(x)))


class NormFrozen(Normed):
    """Its first norm stays in evaluation."""

    def train(self, mode: bool = True) -> "NormFrozen":
        super().train(mode)
        self.norm.eval()
        return self


class NormReset(Normed):
    """Its running statistics begin anew with each epoch."""

    def train(self, mode: bool = True) -> "NormReset":
        if mode:
            self.norm.reset_running_stats()
        return super().train(mode)


class NormWarming(Normed):
    """Its momentum falls while it trains."""

    def forward(self, x: Tensor) -> Any:
        self.norm.momentum = 0.9 * (self.norm.momentum or 0.0)
        return super().forward(x)


class NormByMode(Normed):
    """Its momentum is another in training."""

    def train(self, mode: bool = True) -> "NormByMode":
        self.norm.momentum = 0.3 if mode else 0.1
        return super().train(mode)


class NormRead(Normed):
    """It reads a running mean."""

    def forward(self, x: Tensor) -> Any:
        return super().forward(x) * (2.0 if self.norm.running_mean.max() > 100 else 1.0)


class NormCounted(Normed):
    """It reads how many batches it has seen."""

    def forward(self, x: Tensor) -> Any:
        return super().forward(x) * (2.0 if self.norm.num_batches_tracked > 100 else 1.0)


class NormCounting(Normed):
    """The same, where torch reads that, too."""

    def __init__(self) -> None:
        super().__init__()
        self.norm.momentum = None

    def forward(self, x: Tensor) -> Any:
        logits = super().forward(x)
        count = self.norm.num_batches_tracked
        return logits * (1.0 if count is None or float(count) < 100 else 2.0)


class NormShared(Normed):
    """It calls a norm without parameters twice."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = self.other = nn.BatchNorm1d(6, affine=False)


class NormOfAnother(Normed):
    """A norm moves the running statistics of another."""

    def __init__(self) -> None:
        super().__init__()
        self.other.running_mean, self.other.running_var = (
            self.norm.running_mean,
            self.norm.running_var,
        )


class NormByHand(Normed):
    """It calls torch's function with a momentum of its own."""

    def forward(self, x: Tensor) -> Any:
        x, norm = self.embed(x.flatten(1)), self.norm
        running = norm.running_mean, norm.running_var
        x = functional.batch_norm(x, *running, norm.weight, norm.bias, self.training, momentum=0.7)
        return self.head(self.other(self.inner(x)))


class NormUnused(Normed):
    """Its first norm, without parameters, is never called."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(6, affine=False)

    def forward(self, x: Tensor) -> Any:
        return self.head(self.other(self.inner(self.embed(x.flatten(1)))))


def _normed(change: Callable[[Normed], object]) -> Make:
    def make() -> nn.Module:
        net = Normed()
        change(net)
        return net

    return make


def _counted(net: Normed) -> None:
    net.norm.momentum = None
    assert net.norm.num_batches_tracked is not None
    net.norm.num_batches_tracked += 5


NORMS_THAT_ONLY_LOOK_KNOWN: dict[str, Make] = {
    "subclass": _normed(lambda net: setattr(net, "norm", Named(6))),
    "synchronised": _normed(lambda net: setattr(net, "norm", nn.SyncBatchNorm(6))),
    "frozen": NormFrozen,
    "reset": NormReset,
    "warming": NormWarming,
    "by mode": NormByMode,
    "read": NormRead,
    "counted": NormCounted,
    "counting": NormCounting,
    "shared": NormShared,
    "of another": NormOfAnother,
    "by hand": NormByHand,
    "unused": NormUnused,
    "hook": _normed(lambda net: net.norm.register_forward_hook(lambda *a: 2 * a[-1])),
    "frozen weight": _normed(lambda net: net.norm.weight.requires_grad_(False)),
    "no longer tracked": _normed(lambda net: setattr(net.norm, "track_running_stats", False)),
    "begun before": _normed(_counted),
    "momentum below zero": _normed(lambda net: setattr(net.norm, "momentum", -0.5)),
    "evaluation alone": _normed(lambda net: setattr(net.norm, "train", lambda _: net.norm)),
    "buffer beside": _normed(lambda net: net.norm.register_buffer("more", torch.zeros(6))),
}
"""Nets with batch norms that torch trains."""
