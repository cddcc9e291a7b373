"""Steps on a device without numbers, which tells what a card would: whose memory meets whose.

A tensor of the host among those of the device, or a number that the host asks for, is an error in
torch's mode of tensors that have shapes and devices alone; that mode needs no card.
"""

from typing import Any

import pytest
import torch
from tests.unit.engine.cases import (
    BEYOND_SGD,
    CNN,
    OPTIMIZERS,
    TokenNet,
    mlp,
    procedure,
    replicas,
)
from tests.unit.engine.elsewhere import ELSEWHERE, moved, moved_net
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

from emc.engine.fresh import fresh
from emc.engine.optimizer import SCALARS
from emc.engine.procedure import Procedure, Update
from emc.engine.stacked.flat import FlatNet
from emc.engine.stacked.stack import Stack, stacked
from emc.engine.stacked.step import Step

NETS: dict[str, dict[str, Any]] = {
    "mlp": {"layers": mlp()},
    "cnn": {"layers": CNN},
    "vit": {"layers": None},
}
NEVER_ASK = [u for u, _ in (*OPTIMIZERS, *BEYOND_SGD) if not u.optimizer.decomposes]


def moved_stack(here: Stack) -> Stack:
    return Stack(
        *(moved(here.pool), moved(here.rows), moved(here.labels)),
        *(moved(here.counts), moved(here.weights)),
        [*map(moved, here.moments)],
        [*map(moved, here.constants)],
    )


def devices(asked: Procedure, count: int, *, scalars_on: str = ELSEWHERE) -> set[str]:
    """Where what steps, evaluations and measurements give lies."""
    given = replicas([40, 21, 33][:count])
    nets = [fresh(asked, one.seed) for one in given]
    lengths = Step(asked, FlatNet(nets[0]), ()).rule.lengths
    here = stacked(FlatNet(nets[0]), nets, given, lengths, torch.device("cpu"))
    with FakeTensorMode(), torch.no_grad():
        step = Step(asked, FlatNet(moved_net(fresh(asked, seed=0))), ())
        there = moved_stack(here)
        x, labels, sizes = there.chunk(0, 16)
        scalars = torch.empty(count, SCALARS, device=scalars_on)
        losses = step.train(there.weights, x, labels, sizes, scalars, *there.rest)
        correct = step.correct(there.weights, x, labels, sizes, *there.constants)
        return {each.device.type for each in (losses, correct, *step.measure(there))}


@pytest.mark.parametrize("update", NEVER_ASK, ids=lambda update: update.name)
@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("count", [1, 3])
def test_a_step_stays_on_its_device_and_asks_nothing_of_it(
    update: Update, net: str, count: int
) -> None:
    module = TokenNet if net == "vit" else None
    batch = None if update.name == "gd" else 16
    asked = procedure(update=update, module=module, batch=batch, **NETS[net])
    assert devices(asked, count) == {ELSEWHERE}


def test_what_lies_on_the_host_is_found() -> None:
    with pytest.raises(RuntimeError, match="at least two devices, cpu and meta"):
        devices(procedure(), 3, scalars_on="cpu")


def test_what_asks_the_device_is_found() -> None:
    """Shampoo asks whether a decomposition is due: of the host, if its scalars lie there."""
    with pytest.raises(DataDependentOutputException, match="local_scalar_dense"):
        devices(procedure(update=Update("shampoo")), 3)
