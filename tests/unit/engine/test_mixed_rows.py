"""Nets whose rows depend on each other: evaluated all together, however many there are."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from tests.unit.engine.cases import CLASSES, SGD, procedure, replicas
from torch import Tensor, nn

from emc.engine import sequential
from emc.engine.evaluate import evaluate
from emc.engine.procedure import Procedure
from emc.engine.sequential import Sequential
from emc.engine.stacked.vmap import Vmap
from emc.native.unavailable import UnavailableError


class Centred(nn.Module):
    """Shifts hidden units by their mean over the rows, always or in evaluation alone."""

    def __init__(self, *, always: bool) -> None:
        super().__init__()
        self._always, self.first, self.last = always, nn.Linear(20, 6), nn.Linear(6, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(x.flatten(1))
        if self._always or not self.training:
            h = h - h.mean(0)
        logits: Tensor = self.last(torch.tanh(h))
        return logits


def batch_norm() -> nn.Module:
    norm = nn.BatchNorm1d(6, track_running_stats=False)
    return nn.Sequential(nn.Flatten(), nn.Linear(20, 6), norm, nn.Tanh(), nn.Linear(6, CLASSES))


def trained_with(make: Callable[[], nn.Module]) -> Procedure:
    return procedure(layers=None, module=make, update=SGD, epochs=2)


@pytest.mark.parametrize("make", [lambda: Centred(always=True), batch_norm])
def test_a_run_s_end_is_that_of_all_rows_together(
    make: Callable[[], nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = replicas([48])
    whole = Sequential("cpu").run(trained_with(make), one)[0]
    monkeypatch.setattr(sequential, "_ROWS_AT_ONCE", 5)
    pieces = Sequential("cpu").run(trained_with(make), one)[0]
    assert (pieces.accuracy, pieces.loss) == (whole.accuracy, whole.loss)
    assert pieces.gradient_norm == whole.gradient_norm
    net = make()
    with torch.no_grad():
        for name, value in net.named_parameters():
            value.copy_(torch.from_numpy(whole.parameters[name]))
    logits = net.eval()(torch.from_numpy(one[0].inputs[one[0].rows]))
    loss = nn.functional.cross_entropy(logits, torch.from_numpy(one[0].labels))
    assert whole.loss == pytest.approx(float(loss.detach()), rel=1e-5)


@pytest.mark.parametrize("make", [lambda: Centred(always=True), batch_norm])
def test_new_samples_are_evaluated_together_whatever_their_chunks(
    make: Callable[[], nn.Module],
) -> None:
    run = Sequential("cpu").run(trained_with(make), replicas([30]))[0]
    draw = np.random.default_rng(1)
    inputs = draw.normal(size=(40, 1, 4, 5)).astype(np.float32)
    labels = draw.integers(CLASSES, size=40)

    def found(size: int) -> tuple[float, float]:
        starts = range(0, 40, size)
        chunks = ((inputs[i : i + size], labels[i : i + size]) for i in starts)
        return evaluate(trained_with(make), 0, run.parameters, chunks, "cpu")

    assert found(7) == found(40)


def test_rows_that_mix_in_evaluation_alone_are_not_padded() -> None:
    with pytest.raises(UnavailableError, match="logits depend on the other rows"):
        Vmap("cpu").run(trained_with(lambda: Centred(always=False)), replicas([9, 5]))
