"""Compiled programs against the reference; what torch.compile itself does is tested as slow."""

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from subprocess import CalledProcessError

import pytest
import torch
import torch._dynamo
from tests.unit.engine.cases import (
    CNN,
    SGD,
    TokenNet,
    assert_same_training,
    procedure,
    replicas,
)
from tests.unit.engine.interrupted import assert_same_bits, to_the_end
from torch import Tensor

from emc.engine import choose, run_probes
from emc.engine.fresh import fresh
from emc.engine.procedure import Procedure, Replica, Update
from emc.engine.sequential import Sequential
from emc.engine.stacked import compiled, graphs, memory
from emc.engine.stacked.compiled import Compiled, FixedShapeRunner, GraphRunner
from emc.engine.stacked.flat import FlatNet
from emc.engine.stacked.lockstep import Lockstep
from emc.engine.stacked.program import Programs, giving_way
from emc.engine.stacked.step import Step
from emc.engine.stacked.vmap import Vmap
from emc.errors import MachineError, Stopped
from emc.native.unavailable import UnavailableError

slow = partial(pytest.param, marks=pytest.mark.slow)
ADAM = procedure(update=Update("adam", weight_decay=0.01), epochs=12)


@pytest.fixture
def traced_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the traced operations as they are: all but the code generation, in a second."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))


def assert_as_sequential(back_end: Compiled, asked: Procedure, given: list[Replica]) -> None:
    found, expected = back_end.run(asked, given), Sequential("cpu").run(asked, given)
    for run, reference in zip(found, expected, strict=True):
        assert run.back_end == "compiled"
        assert_same_training(run, reference)


@pytest.mark.usefixtures("traced_only")
@pytest.mark.parametrize(
    ("asked", "sizes"),
    [
        (ADAM, [40, 21, 33]),
        slow(procedure(update=SGD, label_smoothing=0.1, order="ragged"), [13]),
        slow(
            procedure(layers=CNN, update=Update("sgd", momentum=0.0), schedule="cosine"), [40, 33]
        ),
        slow(
            procedure(update=Update("gd", momentum=0.9), loss="squared-error", batch=None),
            [40, 33, 21],
        ),
        slow(procedure(update=Update("muon", momentum=0.95, weight_decay=0.0)), [40, 33]),
        slow(procedure(update=Update("sam", momentum=0.9, rho=0.1)), [40, 33]),
        (procedure(layers=None, module=TokenNet, update=Update("adamw", weight_decay=0.0)), [37]),
    ],
)
def test_traced_programs_are_the_reference(asked: Procedure, sizes: list[int]) -> None:
    assert_as_sequential(Compiled("cpu"), asked, replicas(sizes, lr=0.02))


@pytest.mark.slow
@pytest.mark.usefixtures("traced_only")
def test_replicas_leave_as_they_end() -> None:
    given = replicas([30, 16, 25, 18, 17])
    asked = procedure(epochs=40)
    assert len({run.epochs for run in Compiled("cpu").run(asked, given)}) > 2
    assert_as_sequential(Compiled("cpu"), asked, given)


@pytest.mark.usefixtures("traced_only")
def test_killed_at_every_epochs_end_the_runs_are_the_same() -> None:
    back_end, given = Compiled("cpu"), replicas([40, 21, 33], lr=0.02)
    found, kills = to_the_end(lambda kept: back_end.run(ADAM, given, kept))
    assert_same_bits(found, back_end.run(ADAM, given))
    assert kills >= 12


@pytest.mark.usefixtures("traced_only")
def test_procedures_that_differ_in_numbers_only_share_programs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[object] = []
    compile_ = torch.compile
    monkeypatch.setattr(torch, "compile", lambda *a, **k: made.append(a) or compile_(*a, **k))
    back_end = Compiled("cpu")
    for changes in ({}, {"epochs": 3}, {"schedule": "cosine"}, {"criterion": 0.9}):
        back_end.run(procedure(**changes), replicas([40, 40]))
    assert len(made) == 2


@pytest.mark.slow
def test_compiled_programs_are_the_reference() -> None:
    back_end = Compiled("cpu")
    for lr in (0.01, 0.02):
        assert_as_sequential(back_end, ADAM, replicas([40, 21, 33], lr))


@pytest.mark.slow
def test_a_compiled_module_is_the_reference() -> None:
    asked = procedure(layers=None, module=TokenNet, update=Update("adam"))
    assert_as_sequential(Compiled("cpu"), asked, replicas([37], lr=0.01))


def runner() -> FixedShapeRunner:
    return FixedShapeRunner(Step(ADAM, FlatNet(fresh(ADAM, seed=0)), ()))


@pytest.mark.parametrize(
    ("replicas_", "height"), [(1, 1), (2, 2), (3, 4), (4, 4), (5, 8), (16, 16), (17, 32)]
)
def test_heights_are_powers_of_two(replicas_: int, height: int) -> None:
    assert runner().height(replicas_) == height


def test_widths_are_few_and_a_quarter_more_at_most() -> None:
    one = runner()
    widths = [one.width(rows, full_batch=True) for rows in range(1, 1025)]
    assert all(rows <= width <= 1.25 * rows for rows, width in enumerate(widths, start=1))
    assert len(set(widths)) <= 8 + 4 * 7
    assert {one.width(rows, full_batch=False) for rows in (96, 128, 640)} == {96, 128, 640}


def test_full_batches_on_a_card_have_one_of_eight_widths() -> None:
    """Each n is a width of its own, and of 60,000 samples any may be asked for."""
    on_card = GraphRunner(Step(ADAM, FlatNet(fresh(ADAM, seed=0)), ()))
    widths = [on_card.width(rows, full_batch=True) for rows in range(1, 60_001)]
    assert set(widths) == {512 << doubled for doubled in range(8)}
    assert all(rows <= width <= max(512, 2 * rows) for rows, width in enumerate(widths, start=1))
    assert on_card.width(96, full_batch=False) == 96


def doubled(x: Tensor) -> Tensor:
    x.mul_(2)
    return x.sum()


@pytest.mark.usefixtures("traced_only")
def test_a_program_changes_its_arguments_once_a_call() -> None:
    programs = Programs(doubled)
    x = torch.ones(3)
    assert [float(programs(x)) for _ in range(3)] == [6, 12, 24]
    assert float(programs(torch.ones(4))) == 8


@pytest.mark.usefixtures("traced_only")
def test_a_program_is_never_compiled_anew() -> None:
    programs = Programs(doubled)
    with torch._dynamo.config.patch(error_on_recompile=True):
        for length in range(1, 20):
            programs(torch.ones(length))
        with pytest.raises(torch._dynamo.exc.RecompileError, match="Recompiling function"):
            programs(torch.ones(3, dtype=torch.float64))


CUDA_SAYS = ["CUDA error: out of memory", "CUDA error: uncorrectable ECC error encountered"]


@pytest.mark.parametrize("said", CUDA_SAYS)
def test_neither_memory_nor_a_broken_gpu_makes_it_give_way(said: str) -> None:
    with pytest.raises(RuntimeError, match=said), giving_way("a capture"):
        raise RuntimeError(said)


@pytest.mark.parametrize(
    "error",
    [
        CalledProcessError(1, ["/bin/false", "main.c"]),
        FileNotFoundError("gcc"),
        AssertionError("libcuda.so cannot found!"),
        RuntimeError("Failed to find C compiler. Please specify via CC environment variable"),
    ],
)
def test_what_triton_lacks_makes_it_give_way(error: Exception) -> None:
    with pytest.raises(UnavailableError, match=r"^a program: "), giving_way("a program"):
        raise error


@pytest.mark.parametrize(
    "error", [MachineError("the disk is full"), MemoryError("none"), Stopped("asked to")]
)
def test_what_is_no_fault_of_torch_is_raised_as_it_is(error: Exception) -> None:
    with pytest.raises(type(error), match=str(error)), giving_way("a program"):
        raise error


@pytest.fixture
def compiled_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Back ends that have run nothing yet, `compiled` before the others on the processor."""
    monkeypatch.setattr(choose, "_made", cache(choose._made.__wrapped__))
    monkeypatch.setattr(choose, "_gave_way", {})
    monkeypatch.setattr(choose, "_chosen", {})
    monkeypatch.setattr(choose, "_PREFERRED", {"cpu": ("compiled", "vmap", "sequential")})


@pytest.mark.slow
@pytest.mark.usefixtures("compiled_first")
def test_where_nothing_can_be_compiled_the_next_back_end_trains(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """As Inductor without a C++ compiler, which it asks for on a GPU too."""
    import torch._inductor.config

    monkeypatch.setenv("EMC_CACHE_DIR", str(tmp_path))
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    asked, given = procedure(update=Update("sgd"), epochs=2), replicas([9, 10])
    with torch._inductor.config.patch({"cpp.cxx": ("/bin/false",)}):
        runs = run_probes(asked, given)
    assert [run.back_end for run in runs] == ["vmap", "vmap"]
    assert "compiled back end gives way to the next: torch.compile makes no program" in caplog.text
    assert (tmp_path / "inductor").is_dir()


@pytest.mark.usefixtures("compiled_first")
def test_a_step_that_cannot_be_captured_gives_way(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refused(body: Callable[[], None]) -> None:
        with giving_way("a step cannot be captured as a CUDA graph"):
            raise RuntimeError("CUDA error: operation not permitted when stream is capturing")

    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    monkeypatch.setattr(compiled, "FixedShapeRunner", GraphRunner)
    monkeypatch.setattr(graphs, "captured", refused)
    (run,) = run_probes(procedure(update=SGD, epochs=3), replicas([9]))
    assert run.back_end == "vmap"
    assert "cannot be captured as a CUDA graph: CUDA error: operation not perm" in caplog.text


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 MiB"),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    ],
)
def test_a_trial_step_without_memory_leaves_one_replica(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _: 0)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda _: None)
    monkeypatch.setattr(memory, "_one_step", fails)
    one, (given,) = Compiled("cpu")._runner(ADAM, torch.zeros(1, 20)), replicas([9])
    assert memory.replicas_at_once(torch.device("cuda"), ADAM, one, given) == 1


def test_memory_that_runs_out_in_training_halves_the_replicas(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run_of = Lockstep.run

    def fails_above_two(lockstep: Lockstep) -> None:
        if len(lockstep._lanes) > 2:
            raise RuntimeError("CUDA error: out of memory")
        run_of(lockstep)

    monkeypatch.setattr(Lockstep, "run", fails_above_two)
    given = replicas([30] * 5)
    runs = Vmap("cpu").run(ADAM, given)
    assert len(runs) == 5
    assert "out of memory with 5 replicas at once: going on with half" in caplog.text


@pytest.mark.parametrize(("replicas_", "height"), [(1, 1), (2, 4), (4, 4), (5, 16), (17, 64)])
def test_heights_on_a_card_are_powers_of_four(replicas_: int, height: int) -> None:
    """64 replicas that end one by one take four programs in place of seven."""
    on_card = GraphRunner(Step(ADAM, FlatNet(fresh(ADAM, seed=0)), ()))
    assert on_card.height(replicas_) == height


def test_seconds_of_compiling_are_no_replicas(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a clock that only compiling moves."""
    now = [0.0]

    def compile_(operations: object, **_: object) -> object:
        now[0] += 100.0
        return operations

    monkeypatch.setattr(torch, "compile", compile_)
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    runs = Compiled("cpu").run(procedure(epochs=2), replicas([40, 40]))
    assert now[0] >= 200.0
    assert [run.seconds for run in runs] == [0.0, 0.0]
