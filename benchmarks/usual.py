"""What a researcher would write: DataLoader, torch.optim, an evaluation each epoch, bisection."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


@dataclass(frozen=True)
class Usual:
    """The usual training loop on a fixed pool of samples with random labels.

    `balanced` cuts an epoch into nearly equal batches; else the last one is what remains.
    """

    make: Callable[[], nn.Module]
    inputs: np.ndarray
    classes: int
    lr: float
    epochs: int
    batch: int = 128
    balanced: bool = False
    adam: bool = False

    def fits(self, n: int, seed: int) -> tuple[bool, int]:
        """Train a fresh net on n samples; whether it fitted, and the epochs that took."""
        torch.manual_seed(seed)
        draw = np.random.default_rng(seed)
        rows = draw.choice(len(self.inputs), n, replace=False)
        x = torch.from_numpy(self.inputs[rows])
        y = torch.from_numpy(draw.integers(self.classes, size=n))
        net = self.make()
        optimizer: torch.optim.Optimizer
        if self.adam:
            optimizer = torch.optim.Adam(net.parameters(), lr=self.lr)
        else:
            optimizer = torch.optim.SGD(net.parameters(), lr=self.lr, momentum=0.9)
        batch = -(-n // -(-n // self.batch)) if self.balanced else self.batch
        loader = DataLoader(TensorDataset(x, y), batch, shuffle=True)
        for epoch in range(1, self.epochs + 1):
            self._epoch(net, optimizer, loader)
            with torch.no_grad():
                if bool((net(x).argmax(1) == y).all()):
                    return True, epoch
        return False, self.epochs

    def _epoch(
        self, net: nn.Module, optimizer: torch.optim.Optimizer, loader: DataLoader[Any]
    ) -> None:
        for batch, labels in loader:
            optimizer.zero_grad()
            torch.autograd.backward(nn.functional.cross_entropy(net(batch), labels))
            optimizer.step()


def bisect(fits: Callable[[int], bool], largest: int, resolution: float) -> float:
    """Double n until a probe fails, then halve the bracket to a relative resolution."""
    low = high = 8
    while high < largest and fits(high):
        low, high = high, min(2 * high, largest)
    while high / low > 1 + resolution:
        middle = round((low * high) ** 0.5)
        low, high = (middle, high) if fits(middle) else (low, middle)
    return float((low * high) ** 0.5)
