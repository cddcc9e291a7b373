"""CUDA graphs: their bookkeeping by a stand-in, the capture itself where there is a GPU."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from tests.unit.engine.cases import CNN, assert_same_training, procedure, replicas

from emc.engine.procedure import Procedure, Replica, Update
from emc.engine.sequential import Sequential
from emc.engine.stacked import compiled, graphs
from emc.engine.stacked.compiled import Compiled, GraphRunner
from emc.engine.stacked.graphs import captured
from emc.engine.stacked.vmap import Vmap

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device")

ASKED = [
    procedure(epochs=20),
    procedure(update=Update("adam"), order="ragged", schedule="cosine"),
    procedure(update=Update("gd", momentum=0.9), batch=None, loss="squared-error"),
    procedure(layers=CNN, order="balanced"),
]
SIZES = [40, 21, 33, 38, 1, 12]


class StandIn:
    """What a graph does, without one: the body runs twice to warm up, then at each replay."""

    made = 0

    def __init__(self, body: Callable[[], None]) -> None:
        StandIn.made += 1
        self.replay = body
        for _ in range(2):
            body()


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> type[StandIn]:
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    monkeypatch.setattr(compiled, "FixedShapeRunner", GraphRunner)
    monkeypatch.setattr(graphs, "captured", StandIn)
    monkeypatch.setattr(StandIn, "made", 0)
    return StandIn


def assert_as_sequential(
    back_end: Vmap, asked: Procedure, given: list[Replica], tolerance: float
) -> None:
    expected = Sequential("cpu").run(asked, given)
    for run, reference in zip(back_end.run(asked, given), expected, strict=True):
        assert_same_training(run, reference, tolerance)


@pytest.mark.slow
@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize("asked", ASKED)
def test_replays_are_the_reference(asked: Procedure) -> None:
    assert_as_sequential(Compiled("cpu"), asked, replicas([40, 21, 33], lr=0.02), 1e-4)


def test_a_stack_captured_in_a_short_epoch_serves_longer_ones(stand_in: type[StandIn]) -> None:
    # Of 17 samples in batches of 16, epochs 1, 17 and 33 take two steps. The other replica leaves
    # at 31, so that the second stack is captured in an epoch of one.
    asked, given = procedure(epochs=80), replicas([17, 16], seed=4)
    runs = Compiled("cpu").run(asked, given)
    assert [run.epochs > 33 for run in runs] == [True, False]
    assert stand_in.made == 2 * 2
    for run, reference in zip(runs, Sequential("cpu").run(asked, given), strict=True):
        assert_same_training(run, reference, tolerance=1e-3)


def test_one_capture_of_each_kind_serves_all_epochs_of_a_stack(stand_in: type[StandIn]) -> None:
    asked = procedure(epochs=9)
    runs = Compiled("cpu").run(asked, replicas([35, 37]))
    assert {run.epochs for run in runs} == {9}
    assert stand_in.made == 2


def test_full_batches_of_any_n_share_a_program(
    stand_in: type[StandIn], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []
    compile_ = torch.compile
    monkeypatch.setattr(torch, "compile", lambda *a, **k: made.append(a) or compile_(*a, **k))
    back_end = Compiled("cpu")
    asked = procedure(update=Update("gd", momentum=0.9), batch=None, epochs=2)
    for n in range(3, 60, 5):
        given = replicas([n], lr=0.02)
        (run,), (reference,) = back_end.run(asked, given), Sequential("cpu").run(asked, given)
        assert_same_training(run, reference)
    assert len(made) == 2
    assert stand_in.made == 2 * 12


@needs_gpu
@pytest.mark.gpu
def test_a_graph_replays_what_was_captured() -> None:
    x = torch.ones(3, device="cuda")
    graph = captured(lambda: (x.mul_(2), None)[1])
    start = x.clone()
    graph.replay()
    graph.replay()
    assert torch.equal(x, 4 * start)


@needs_gpu
@pytest.mark.gpu
@pytest.mark.slow
@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("back_end", [Vmap, Compiled])
def test_the_gpu_trains_as_the_cpu_does(asked: Procedure, back_end: type[Vmap]) -> None:
    assert_as_sequential(back_end("cuda"), asked, replicas(SIZES, lr=0.02), 1e-3)


@needs_gpu
@pytest.mark.gpu
def test_sequential_trains_on_the_gpu_as_on_the_cpu() -> None:
    given = replicas([20, 33], lr=0.02)
    expected = Sequential("cpu").run(procedure(), given)
    for run, reference in zip(Sequential("cuda").run(procedure(), given), expected, strict=True):
        assert_same_training(run, reference, tolerance=1e-3)
