"""Evaluations in pieces, which stop once it is clear that nothing is reached."""

from collections.abc import Callable

import pytest
import torch
from tests.unit.engine.cases import procedure, replicas
from torch import nn

from emc.engine import sequential
from emc.engine.back_end import BackEnd
from emc.engine.procedure import TrainedRun
from emc.engine.sequential import Sequential
from emc.engine.stacked import runner
from emc.engine.stacked.vmap import Vmap
from emc.records import Ended

EPOCHS = 60
ASKED = procedure(epochs=EPOCHS)
SIZES = [60, 24, 57]
PIECE = 4


def in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequential, "_ROWS_AT_ONCE", PIECE)
    monkeypatch.setattr(runner, "CHUNK_ROWS", PIECE)


def answers(runs: list[TrainedRun]) -> list[tuple[object, ...]]:
    return [(run.ended, run.epochs, run.milestones, run.accuracy) for run in runs]


@pytest.mark.parametrize("back_end", [Sequential, Vmap])
def test_runs_have_the_same_milestones_and_accuracies(
    back_end: Callable[[str], BackEnd], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = back_end("cpu").run(ASKED, replicas(SIZES))
    in_pieces(monkeypatch)
    assert answers(back_end("cpu").run(ASKED, replicas(SIZES))) == answers(whole)
    assert {run.ended for run in whole} == {Ended.FIT, Ended.BUDGET}
    assert any(run.milestones[0].epoch for run in whole if run.ended is Ended.BUDGET)


@pytest.mark.parametrize("back_end", [Sequential, Vmap])
def test_few_pieces_are_looked_at(
    back_end: Callable[[str], BackEnd], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Labels of noise: in each piece some are wrong, so that one or two pieces tell."""
    in_pieces(monkeypatch)
    looks = 0
    forward = nn.Linear.forward

    def counted(layer: nn.Linear, x: torch.Tensor) -> torch.Tensor:
        nonlocal looks
        looks += layer.out_features == 3 and not layer.training
        return forward(layer, x)

    monkeypatch.setattr(nn.Linear, "forward", counted)
    back_end("cpu").run(procedure(epochs=10), replicas([100], lr=1e-6))
    pieces = 100 // PIECE
    assert looks < 0.5 * 10 * pieces + 4 * pieces
