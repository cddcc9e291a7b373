import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.unit.engine.native_reference import compile_for, train

from emc.criteria import plateau
from emc.engine.native import NativeBackEnd, kernel
from emc.engine.native.translation_unit import translation_unit
from emc.engine.procedure import Procedure, Replica, TrainedRun, Update
from emc.errors import EmcError
from emc.native import build
from emc.nets.layers import Conv, Dense, Layers
from emc.records import Ended

MLP: Layers = (
    Dense(12, 9, True, "relu"),
    Dense(9, 9, True, "relu"),
    Dense(9, 3, True, "identity"),
)
CNN: Layers = (
    Conv(3, 3, 5, 7, "relu"),
    Conv(3, 5, 2, 3, "gelu"),
    Dense(5, 3, True, "identity"),
)
LINEAR: Layers = (Dense(12, 3, True, "identity"),)
SGD = Update("sgd", momentum=0.9)


def procedure(layers: Layers = MLP, **changes: Any) -> Procedure:
    return replace(Procedure(3, SGD, layers=layers, batch=16, epochs=30), **changes)


def replica(layers: Layers = MLP, n: int = 40, seed: int = 1, lr: float = 0.1) -> Replica:
    draw = np.random.default_rng(seed)
    shape = (3, 5, 7) if isinstance(layers[0], Conv) else (layers[0].inputs,)
    inputs = draw.normal(size=(n, *shape)).astype(np.float32)
    return Replica(inputs, np.arange(n), draw.integers(0, 3, n), seed, lr)


def conflicting(n: int = 40) -> Replica:
    """Every input lies there twice, with two labels."""
    sample = replica(n=n)
    return replace(sample, rows=np.arange(n) // 2, labels=np.arange(n) % 2)


def run(asked: Procedure, *samples: Replica) -> list[TrainedRun]:
    return NativeBackEnd().run(asked, samples)


def same(one: TrainedRun, other: TrainedRun) -> bool:
    equal = [
        np.array_equal(values, other.parameters[name]) for name, values in one.parameters.items()
    ]
    return (
        all(equal)
        and np.array_equal(one.epoch_losses, other.epoch_losses)
        and one.milestones == other.milestones
        and (one.ended, one.steps, one.loss) == (other.ended, other.steps, other.loss)
    )


@pytest.mark.parametrize("layers", [MLP, CNN])
def test_numbers_do_not_depend_on_neighbours(layers: Layers) -> None:
    samples = [replica(layers, n, seed=n) for n in (3, 40, 100)]
    together = run(procedure(layers), *samples)
    for sample, found in zip(samples, together, strict=True):
        assert same(found, *run(procedure(layers), sample))


@pytest.mark.parametrize("layers", [MLP, CNN])
def test_numbers_do_not_depend_on_slices(layers: Layers, monkeypatch: pytest.MonkeyPatch) -> None:
    (whole,) = run(procedure(layers), replica(layers))
    monkeypatch.setattr(kernel, "_SLICE_SECONDS", 0.0)
    (sliced,) = run(procedure(layers), replica(layers))
    assert same(whole, sliced)


def test_no_replicas_no_runs() -> None:
    assert run(procedure()) == []


def test_a_run_that_fits() -> None:
    (found,) = run(procedure(epochs=300), replica())
    assert found.ended is Ended.FIT
    assert found.accuracy == 1
    assert found.milestones[3] == (found.epochs, found.steps)
    assert found.epochs < 300
    assert found.memorised_bits == pytest.approx(40 * (np.log2(3) - found.loss / np.log(2)))
    assert found.plateau == plateau(found.epoch_losses)
    assert found.back_end == "native"
    assert found.seconds > 0


def test_a_run_out_of_budget() -> None:
    (found,) = run(procedure(epochs=7), replica(n=200))
    assert (found.ended, found.epochs) == (Ended.BUDGET, 7)
    assert found.milestones[3] == (None, None)


def test_steps_end_a_run_in_mid_epoch() -> None:
    (found,) = run(procedure(epochs=None, steps=10), replica(n=40))
    assert (found.epochs, found.steps, found.gradient_evaluations) == (4, 10, 160)


@pytest.mark.parametrize(
    "update", [SGD, Update("gd", momentum=0.9), Update("adamw", weight_decay=0.0)]
)
def test_conflicting_labels_end_stuck(update: Update) -> None:
    asked = procedure(LINEAR, update=update, batch=None, epochs=5000)
    (found,) = run(asked, conflicting())
    assert found.ended is Ended.STATIONARY
    assert found.epochs % 10 == 0
    assert found.epochs < 5000
    assert found.gradient_norm <= asked.gradient_tolerance
    assert found.plateau <= asked.plateau_tolerance


def test_weight_decay_is_part_of_the_stationary_point() -> None:
    update = Update("sgd", momentum=0.9, weight_decay=0.1)
    asked = procedure(LINEAR, update=update, batch=None, epochs=5000, criterion=1.0)
    (found,) = run(asked, conflicting())
    trace = train(replace(asked, epochs=found.epochs), conflicting())
    assert found.ended is Ended.STATIONARY
    assert found.gradient_norm == pytest.approx(trace.gradient_norm, abs=1e-6)


@pytest.mark.parametrize("change", ["gradient_tolerance", "plateau_tolerance"])
def test_one_test_alone_does_not_end_a_run(change: str) -> None:
    asked = procedure(LINEAR, batch=None, epochs=1000, **{change: 0.0})
    (found,) = run(asked, conflicting())
    assert (found.ended, found.epochs) == (Ended.BUDGET, 1000)


def test_a_budget_that_ends_at_a_stationary_point_is_stuck() -> None:
    asked = procedure(LINEAR, batch=None, epochs=25, plateau_tolerance=0.0, gradient_tolerance=9.0)
    (found,) = run(asked, conflicting())
    assert found.ended is Ended.BUDGET
    assert found.plateau < plateau(found.epoch_losses[:20])
    (found,) = run(replace(asked, plateau_tolerance=found.plateau), conflicting())
    assert (found.ended, found.epochs) == (Ended.STATIONARY, 25)


@pytest.mark.parametrize("layers", [MLP, CNN])
@pytest.mark.parametrize("loss", ["cross-entropy", "squared-error"])
def test_a_run_that_diverges(layers: Layers, loss: str) -> None:
    (found,) = run(procedure(layers, loss=loss), replica(layers, n=200, lr=1e30))
    assert found.ended is Ended.DIVERGED
    assert found.epochs < 30


@pytest.mark.parametrize(
    ("activation", "loss", "lr", "seed"),
    [
        ("identity", "cross-entropy", 3.0, 11),
        ("identity", "cross-entropy", 100.0, 81),
        ("identity", "squared-error", 1.0, 142),
        ("identity", "squared-error", 10.0, 157),
        ("relu", "squared-error", 1.0, 6),
        ("relu", "squared-error", 10.0, 120),
    ],
)
def test_logits_that_explode_are_never_right(
    activation: str, loss: str, lr: float, seed: int
) -> None:
    """At rates too high for so few samples some logits are infinite or NaN, seldom all."""
    layers = (Dense(2, 2, True, activation), Dense(2, 2, True, "identity"))
    draw = np.random.default_rng(seed)
    n = int(draw.integers(1, 12))
    inputs = (3 * draw.normal(size=(n, 2))).astype(np.float32)
    sample = Replica(inputs, np.arange(n), draw.integers(0, 2, n), seed, lr)
    (found,) = run(Procedure(2, SGD, layers=layers, batch=1, epochs=50, loss=loss), sample)
    assert found.ended is Ended.DIVERGED


def test_squared_error_memorises_no_bits() -> None:
    (found,) = run(procedure(loss="squared-error"), replica())
    assert np.isnan(found.memorised_bits)


def test_samples_are_the_rows() -> None:
    sample = replica(n=60)
    rows = np.arange(60)[::-2]
    inputs = np.ascontiguousarray(sample.inputs[rows])
    picked = replace(sample, rows=rows, labels=sample.labels[rows])
    moved = replace(sample, inputs=inputs, rows=np.arange(30), labels=sample.labels[rows])
    assert same(*run(procedure(), picked, moved))


def test_an_interrupt_ends_a_long_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt("now")

    def run_until_alarm() -> None:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        run(procedure(epochs=1_000_000, gradient_tolerance=0.0), replica(n=16, lr=0.0))

    monkeypatch.setattr(kernel, "_SLICE_SECONDS", 0.01)
    previous = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt, match="now"):
            run_until_alarm()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": np.full(40, 3)}, "expected labels from 0 to 2, found 3 to 3"),
        ({"labels": np.full(40, -1)}, "labels from 0 to 2, found -1 to -1"),
        ({"labels": np.zeros(39, int)}, "expected 40 labels, found 39"),
        ({"rows": np.arange(1, 41)}, "expected rows from 0 to 39, found 1 to 40"),
        ({"rows": np.zeros(0, int), "labels": np.zeros(0, int)}, "at least 1 sample"),
        ({"inputs": np.full((40, 12), np.inf, np.float32)}, "expected finite inputs"),
        ({"inputs": np.zeros((40, 13), np.float32)}, r"expected 12 numbers, found shape .13"),
        ({"inputs": np.zeros((40, 12))}, "float32 in C order, found float64"),
        ({"inputs": np.zeros((12, 40), np.float32).T}, "float32 in C order"),
    ],
)
def test_bad_data_is_refused_before_training(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(EmcError, match=message):
        run(procedure(epochs=10**6), replica(lr=0.0), replace(replica(), **changes))


def test_images_of_another_size_are_refused() -> None:
    sample = replace(replica(CNN), inputs=np.zeros((40, 3, 7, 5), np.float32))
    with pytest.raises(EmcError, match=r"images of 3x5x7, found shape \(3, 7, 5\)"):
        run(procedure(CNN), sample)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"layers": None}, "a module, not layers"),
        ({"update": Update("shampoo", momentum=0.0)}, "no rule for the optimizer 'shampoo'"),
        ({"update": Update("adam", epsilon=0.0)}, "epsilon is 0"),
        ({"loss": "hinge"}, "the loss is 'hinge'"),
        ({"classes": 4}, "logits of 4 classes"),
        ({"layers": ()}, "the last layer is not dense"),
        ({"layers": CNN[:1]}, "the last layer is not dense"),
        ({"layers": (Dense(12, 3, True, "relu"),)}, "logits of 3 classes"),
        ({"layers": (Dense(12, 9, True, "elu"), MLP[2])}, "the activation is 'elu'"),
        ({"layers": (Dense(12, 8, True, "relu"), MLP[2])}, "cannot follow"),
        ({"layers": (CNN[0], CNN[2])}, "cannot follow"),
        ({"layers": (MLP[0], *CNN)}, "cannot follow"),
        ({"layers": (Conv(3, 3, 1, 7, "relu"), Dense(9, 3, True, "identity"))}, "gives nothing"),
        ({"layers": (Dense(10**5, 99, True, "relu"), Dense(99, 3, True, "identity"))}, "9,900,000"),
    ],
)
def test_what_it_leaves_to_others(changes: dict[str, Any], reason: str) -> None:
    asked = procedure(**changes)
    assert reason in (NativeBackEnd().refuses(asked) or "")
    with pytest.raises(EmcError, match="the native back end cannot run this procedure"):
        run(asked, replica())


def test_what_it_takes() -> None:
    assert [NativeBackEnd().refuses(procedure(layers)) for layers in (MLP, CNN, LINEAR)] == [
        None
    ] * 3


def test_a_damaged_library_is_built_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMC_CACHE_DIR", str(tmp_path))
    (tmp_path / "kernels").mkdir()
    with monkeypatch.context() as damaging:
        damaging.setattr(build, "rebuild", lambda _, path: path.touch())
        path = build.library(translation_unit(LINEAR))
    (found,) = run(procedure(LINEAR), replica())
    assert found.epochs > 0
    assert path.stat().st_size > 0


@pytest.mark.parametrize("target", ["x86-64", "x86-64-v3"])
def test_other_vector_widths_agree(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compile_for(target, tmp_path, monkeypatch)
    asked = procedure(CNN, epochs=3)
    (found,) = run(asked, replica(CNN))
    for name, values in train(asked, replica(CNN)).net.numbers().items():
        np.testing.assert_allclose(found.parameters[name], values, rtol=1e-5, atol=1e-5)


def test_torch_is_not_needed() -> None:
    code = (
        "import sys, numpy as np\n"
        "from emc.engine import Procedure, Replica, Update\n"
        "from emc.engine.native import NativeBackEnd\n"
        "from emc.nets.layers import Dense\n"
        "asked = Procedure(3, Update('sgd'), layers=(Dense(12, 3, True, 'identity'),), epochs=2)\n"
        "sample = Replica(np.ones((5, 12), np.float32), np.arange(5), np.zeros(5, int), 1, 0.1)\n"
        "print(NativeBackEnd().run(asked, [sample])[0].epochs, 'torch' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[1] == "False"
