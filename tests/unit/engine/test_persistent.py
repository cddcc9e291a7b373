"""The persistent kernel without a card: as C++, its blocks threads, against the reference."""

import ctypes
import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from tests.unit.engine.cases import (
    CLASSES,
    CNN,
    LINEAR,
    OPTIMIZERS,
    SGD,
    SHAPE,
    assert_same_training,
    mlp,
    procedure,
    replicas,
)
from tests.unit.engine.emulated import Emulated, EmulatedProgram, HostArena
from tests.unit.engine.interrupted import assert_same_bits, to_the_end
from tests.unit.engine.native_reference import train
from torch import nn

from emc.activations import ACTIVATIONS
from emc.engine import choose, run_probes
from emc.engine.batches import epoch_batches
from emc.engine.native import NativeBackEnd
from emc.engine.native.kernel import Task
from emc.engine.order import epochs, order_state
from emc.engine.persistent import Persistent, group
from emc.engine.persistent.launch import CardLimits, Launch, Training
from emc.engine.persistent.placement import block_kernel, placement
from emc.engine.persistent.refusal import refusal
from emc.engine.procedure import Procedure, Replica, TrainedRun, Update
from emc.engine.sequential import Sequential
from emc.errors import EmcError
from emc.native.build import loaded
from emc.native.unavailable import UnavailableError
from emc.nets.layers import Conv, Dense, Layers, count
from emc.nets.recognise import recognised
from emc.records import Ended

H200 = CardLimits(227 << 10, 228 << 10, 132, 139 << 30)
A100 = CardLimits(163 << 10, 164 << 10, 108, 80 << 30)
T4 = CardLimits(64 << 10, 64 << 10, 40, 16 << 30)


def cnn(first: str = "relu", second: str = "relu") -> Layers:
    """Two stages, the first of odd width, and two dense layers."""
    stages = (Conv(1, 5, 4, 5, first), Conv(5, 3, 2, 2, second, bias=False))
    return (*stages, Dense(3, 4, True, second), Dense(4, CLASSES, True, "identity"))


def of_mnist(channels: int) -> Layers:
    """A CNN as studies have it."""
    stages = (Conv(1, channels, 28, 28, "relu"), Conv(channels, 2 * channels, 14, 14, "relu"))
    return (*stages, Dense(2 * channels * 49, 10, True, "identity"))


LARGE = (Conv(1, 8, 128, 128, "relu"), Conv(8, 1, 64, 64, "relu"))


def run(asked: Procedure, given: Sequence[Replica], **machine: Any) -> list[TrainedRun]:
    return Persistent(Emulated(**machine)).run(asked, given)


def assert_as_reference(asked: Procedure, given: Sequence[Replica], **machine: Any) -> None:
    expected = Sequential("cpu").run(asked, given)
    for found, reference in zip(run(asked, given, **machine), expected, strict=True):
        assert found.back_end == "persistent"
        assert_same_training(found, reference, tolerance=2e-4)


def never_fitting(sample: Replica) -> Replica:
    """Each input twice, with two labels."""
    rows = np.repeat(sample.rows[: sample.n // 2], 2)
    return replace(sample, rows=rows, labels=np.arange(len(rows)) % 2)


@pytest.mark.parametrize(("update", "lr"), OPTIMIZERS)
@pytest.mark.parametrize("layers", [mlp(), cnn("tanh", "tanh")], ids=["mlp", "cnn"])
def test_fifty_steps_are_the_references_to_rounding(
    layers: Layers, update: Update, lr: float
) -> None:
    batch = None if update.name == "gd" else 16
    asked = procedure(layers=layers, update=update, batch=batch, epochs=None, steps=50)
    given = [never_fitting(each) for each in replicas([64, 32, 2], lr=lr)]
    for found, sample in zip(run(asked, given), given, strict=True):
        exact = train(asked, sample)
        for name, values in exact.net.numbers().items():
            np.testing.assert_allclose(found.parameters[name], values, rtol=2e-5, atol=2e-5)
        assert found.steps == 50


@pytest.mark.parametrize(
    "changes",
    [
        {"order": "balanced"},
        {"order": "ragged", "label_smoothing": 0.2},
        {"batch": None, "loss": "squared-error"},
        {"batch": 1, "epochs": 3},
        {"batch": 1000, "schedule": "cosine", "warmup": 0.2},
        {"criterion": 0.9, "epochs": 40},
        {"epochs": None, "steps": 17},
    ],
)
@pytest.mark.parametrize("layers", [mlp(), CNN], ids=["mlp", "cnn"])
def test_procedures_are_the_references(layers: Layers, changes: dict[str, Any]) -> None:
    asked = procedure(layers=layers, **changes)
    assert_as_reference(asked, replicas([40, 21, 33, 1, 17], lr=0.03))


@pytest.mark.parametrize("layers", [LINEAR, *map(mlp, ACTIVATIONS)], ids=["linear", *ACTIVATIONS])
def test_nets_are_the_references(layers: Layers) -> None:
    assert_as_reference(procedure(layers=layers, epochs=4), replicas([40, 21]))


@pytest.mark.parametrize(
    ("first", "second"),
    [*zip([*ACTIVATIONS][::2], [*[*ACTIVATIONS][1::2], "relu"], strict=True)],
)
def test_convolutions_are_the_references(first: str, second: str) -> None:
    assert_as_reference(procedure(layers=cnn(first, second), epochs=4), replicas([40, 21]))


@pytest.mark.parametrize("layers", [mlp(), cnn()], ids=["mlp", "cnn"])
def test_one_class_and_a_rate_of_zero_are_the_references(layers: Layers) -> None:
    one = (*layers[:-1], replace(layers[-1], outputs=1))
    asked = Procedure(1, SGD, layers=one, batch=16, epochs=3)
    given = [replace(each, labels=0 * each.labels) for each in replicas([40, 1])]
    assert_as_reference(asked, given)
    assert_as_reference(procedure(layers=layers, epochs=3), replicas([40, 1], lr=0.0))


def test_a_module_of_dense_layers_is_the_references() -> None:
    def make() -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(20, 8), nn.Tanh(), nn.Linear(8, CLASSES))

    known = recognised(make, SHAPE, CLASSES)
    assert_as_reference(procedure(layers=None, module=known), replicas([40, 21]))


ORDER = """
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <thread>
#include <vector>
#define EMC_SCALAR
#define EMC_THREADS 8
#define private public
#include "persistent.hpp"
using namespace emc;
using Trainer = BlockTrainer<4, Placement<true, true>,
                             BlockStack<4, BlockDense<1, 2, Identity, true>>, 2>;
extern "C" void batches(Training* replica, int64_t steps, int64_t room, int32_t* samples,
                        int64_t* sizes) {
  std::vector<double> sums(8);
  std::vector<float> memory(Trainer::inside + room);
  const Launch launch{replica, 1, nullptr, steps, nullptr, room};
  Trainer trainer(Block(sums.data(), 8, false), launch, *replica, memory.data(), nullptr);
  trainer.identity();
  for (int64_t step = 0; step < steps; ++step) {
    const int32_t* batch;
    sizes[step] = trainer.next_batch(batch);
    samples = std::copy_n(batch, sizes[step], samples);
  }
}
"""


@pytest.mark.parametrize("room", [0, 1000])
@pytest.mark.parametrize("order", ["stream", "balanced", "ragged", None])
@pytest.mark.parametrize(("n", "batch"), [(1, 3), (17, 16), (16, 16), (100, 33), (7, 9)])
def test_batches_are_the_references_bit_for_bit(
    order: str | None, n: int, batch: int, room: int
) -> None:
    kernel = loaded(ORDER, lambda path: ctypes.CDLL(str(path)))
    asked = procedure(order=order or "stream", batch=batch if order else None, epochs=9)
    (given,) = replicas([n], seed=5)
    made = epoch_batches(asked, n, partial(epochs, given.seed, n))
    expected = [rows for _ in range(9) for rows in next(made)]
    arena, size = HostArena(), batch if order else n
    task = Task(n=n, batch=size, order=["stream", "balanced", "ragged", None].index(order))
    task.order_seed = order_state(given.seed)
    held = Training(task=task, order=arena.room(4 * (n + size)))
    samples = np.zeros(sum(map(len, expected)), np.int32)
    sizes = np.zeros(len(expected), np.int64)
    kernel.batches(
        ctypes.byref(held),
        ctypes.c_int64(len(expected)),
        ctypes.c_int64(room),
        *(ctypes.c_void_p(each.ctypes.data) for each in (samples, sizes)),
    )
    assert sizes.tolist() == [len(rows) for rows in expected]
    assert samples.tolist() == np.concatenate(expected).tolist()


@pytest.mark.parametrize(
    ("asked", "given", "ended"),
    [
        (procedure(epochs=300), replicas([20], lr=0.1), Ended.FIT),
        (procedure(epochs=7), replicas([90]), Ended.BUDGET),
        (procedure(epochs=None, steps=10), replicas([40]), Ended.BUDGET),
        (procedure(epochs=30), replicas([40], lr=1e30), Ended.DIVERGED),
        (procedure(epochs=30, loss="squared-error"), replicas([40], lr=1e30), Ended.DIVERGED),
    ],
)
def test_runs_end_as_the_native_ones(asked: Procedure, given: list[Replica], ended: Ended) -> None:
    (found,), (native,) = run(asked, given), NativeBackEnd().run(asked, given)
    assert found.ended is native.ended is ended
    assert (found.epochs, found.steps) == (native.epochs, native.steps)
    assert found.milestones == native.milestones
    assert found.gradient_evaluations == native.gradient_evaluations


@pytest.mark.parametrize("tolerance", [1e-2, 0.0])
def test_labels_that_conflict_end_at_a_stationary_point(tolerance: float) -> None:
    (sample,) = replicas([40], lr=0.2)
    twice = never_fitting(sample)
    asked = procedure(layers=LINEAR, batch=None, epochs=3000, gradient_tolerance=tolerance)
    (found,), (native,) = run(asked, [twice]), NativeBackEnd().run(asked, [twice])
    assert found.ended is native.ended
    assert found.epochs == native.epochs
    assert (found.ended is Ended.STATIONARY) == (tolerance > 0)


@pytest.mark.parametrize(
    "layers",
    [
        (Dense(20, 32, True, "relu"), Dense(32, 3, True, "identity")),
        (Conv(1, 16, 4, 5, "relu"), Dense(64, 3, True, "identity")),
    ],
    ids=["mlp", "cnn"],
)
def test_the_first_epoch_of_fit_is_the_native_kernels(layers: Layers) -> None:
    asked = procedure(epochs=200, layers=layers)
    given = replicas([*range(10, 40, 2)], lr=0.1, seed=3)
    found, native = run(asked, given), NativeBackEnd().run(asked, given)
    assert [each.milestones for each in found] == [each.milestones for each in native]
    assert all(each.ended is Ended.FIT for each in found)


@pytest.mark.parametrize("layers", [mlp(), cnn("gelu")], ids=["mlp", "cnn"])
def test_no_number_depends_on_blocks_neighbours_slices_or_the_order_of_items(
    layers: Layers, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = procedure(layers=layers, epochs=30)
    given = replicas([40, 3, 77, 21, 33, 1, 64])
    together = run(asked, given, multiprocessors=1)
    assert_same_bits(run(asked, given, multiprocessors=8), together)
    assert_same_bits(run(asked, given, backwards=True), together)
    assert_same_bits([run(asked, [each])[0] for each in given], together)
    monkeypatch.setattr(group, "_FIRST_STEPS", 1)
    monkeypatch.setattr(group, "_SLICE_SECONDS", 1e-9)
    machine = Emulated()
    assert_same_bits(Persistent(machine).run(asked, given), together)
    assert machine.programs[0].launches > 30


@pytest.mark.parametrize(
    ("layers", "block_memory", "inside"),
    [
        (mlp("gelu"), 24 << 10, (4, True)),
        (mlp("gelu"), 6 << 10, (2, True)),
        (mlp("gelu"), 5 << 10, (1, True)),
        (mlp("gelu"), 4 << 10, (0, True)),
        (mlp("gelu"), 3 << 10, (0, False)),
        (cnn("gelu"), 28 << 10, (4, True)),
        (cnn("gelu"), 15 << 10, (2, True)),
        (cnn("gelu"), 14 << 10, (1, True)),
        (cnn("gelu"), 13 << 10, (0, True)),
        (cnn("gelu"), 3 << 10, (0, False)),
    ],
)
def test_what_does_not_fit_into_a_block_lies_outside(
    layers: Layers, block_memory: int, inside: tuple[int, bool]
) -> None:
    small: dict[str, Any] = {
        "block_memory": block_memory,
        "shared_memory": 2 * block_memory + 2048,
    }
    made = placement(layers, Emulated(**small).limits())
    assert (made.arrays_inside, made.chunk_inside) == inside
    asked = procedure(layers=layers, update=Update("adam"))
    assert_as_reference(asked, replicas([70, 90, 12], lr=0.01), **small)


@pytest.mark.parametrize("limits", [H200, A100, T4])
@pytest.mark.parametrize("width", [4, 16, 64, 256])
@pytest.mark.parametrize("inputs", [2, 64, 784])
def test_placements_keep_to_what_a_card_has(limits: CardLimits, width: int, inputs: int) -> None:
    layers = (Dense(inputs, width, True, "silu"), Dense(width, 10, True, "identity"))
    assert_fits(layers, limits)
    assert placement(layers, limits).rows >= 8


@pytest.mark.parametrize("limits", [H200, A100, T4])
@pytest.mark.parametrize("channels", [1, 4, 8, 16, 32])
def test_placements_of_convolutions_keep_to_what_a_card_has(
    limits: CardLimits, channels: int
) -> None:
    assert_fits(of_mnist(channels), limits)


def assert_fits(layers: Layers, limits: CardLimits) -> None:
    made = placement(layers, limits)
    assert made.block_memory <= limits.block_memory
    assert made.blocks_at_once * (made.block_memory + 1024) <= limits.shared_memory
    assert made.order_room >= 0
    assert made.size >= count(layers)
    assert 2 <= made.rows <= 128


def test_a_small_net_lies_in_a_blocks_memory_twice_per_multiprocessor() -> None:
    hidden = (Dense(64, 16, True, "relu"), Dense(16, 16, True, "relu"))
    made = placement((*hidden, Dense(16, 10, True, "identity")), H200)
    assert (made.rows, made.arrays_inside, made.blocks_at_once) == (128, 4, 2)


@pytest.mark.parametrize(("channels", "inside"), [(4, 4), (8, 4), (16, 1), (32, 0)])
def test_of_a_larger_net_less_lies_in_a_blocks_memory(channels: int, inside: int) -> None:
    assert placement(of_mnist(channels), H200).arrays_inside == inside


@pytest.mark.parametrize("update", [SGD, Update("adam")])
def test_killed_at_every_launch_the_runs_are_the_same(
    update: Update, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group, "_FIRST_STEPS", 1)
    monkeypatch.setattr(group, "_SLICE_SECONDS", 1e-9)
    asked, given = procedure(update=update, epochs=12), replicas([40, 21, 33])
    back_end = Persistent(Emulated())
    found, kills = to_the_end(lambda kept: back_end.run(asked, given, kept))
    assert_same_bits(found, back_end.run(asked, given))
    assert kills >= 12


class SmallArena(HostArena):
    """Memory that ends."""

    def room(self, size: int) -> int:
        if sum(each.nbytes for each in self._held) + size > 120_000:
            raise MemoryError("the card has no bytes left")
        return super().room(size)


def test_memory_that_runs_out_halves_the_replicas(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("tests.unit.engine.emulated.HostArena", SmallArena)
    asked, given = procedure(), replicas([40] * 16)
    assert len(run(asked, given)) == 16
    assert "out of memory with 16 replicas at once: going on with half" in caplog.text


def test_replicas_that_do_not_fit_together_train_one_group_after_the_other() -> None:
    asked, given = procedure(), replicas([40, 41, 42])
    together = run(asked, given)
    assert_same_bits(run(asked, given, free_memory=1), together)


class Off(EmulatedProgram):
    """A kernel that answers another loss."""

    def launch(self, launch: Launch, blocks: int, block_memory: int) -> None:
        super().launch(launch, blocks, block_memory)
        trained = Training.from_address(launch.replicas)
        trained.progress.result.loss *= 1.01


class OffMachine(Emulated):
    def program(self, code: str) -> EmulatedProgram:
        return Off(code, backwards=False)


def test_a_kernel_that_is_off_is_not_used(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made = choose._made

    def off(name: str, device: str) -> Any:
        return Persistent(OffMachine()) if name == "persistent" else made(name, device)

    monkeypatch.setattr(choose, "_PREFERRED", {"cpu": ("persistent", "vmap")})
    monkeypatch.setattr(choose, "_made", off)
    with caplog.at_level(logging.WARNING):
        (found,) = run_probes(procedure(epochs=2), replicas([9]))
    assert found.back_end == "vmap"
    assert "the persistent kernel is off: after 2 steps on 9 samples its loss is" in caplog.text


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"layers": None}, "neither made of dense and convolutional layers alone nor"),
        ({"update": Update("muon")}, "no rule for the optimizer 'muon'"),
        (
            {"layers": (Dense(40_000, 3, True, "identity"),)},
            "120,003 parameters, more than 100,000",
        ),
        (
            {"layers": (*LARGE, Dense(1024, CLASSES, True, "identity"))},
            "a block keeps 58,633 numbers of a sample, more than 50,000",
        ),
    ],
)
def test_what_it_leaves_to_others(changes: dict[str, Any], reason: str) -> None:
    asked = procedure(**changes)
    assert reason in (refusal(asked) or "")
    with pytest.raises(EmcError, match="the persistent back end cannot run this procedure"):
        run(asked, replicas([9]))


def test_many_classes_are_left_to_others() -> None:
    asked = Procedure(300, SGD, layers=(Dense(20, 300, True, "identity"),))
    assert refusal(asked) == "there are 300 classes, more than 256"


def test_no_replicas_no_runs() -> None:
    assert run(procedure(), []) == []


def test_a_placement_of_another_layout_does_not_compile() -> None:
    layers = (Dense(20, 3, False, "identity"),)
    made = placement(layers, H200)
    with pytest.raises(UnavailableError, match="a placement of another layout"):
        EmulatedProgram(block_kernel(layers, replace(made, size=made.size + 1)), backwards=False)


def test_structures_of_another_size_do_not_compile() -> None:
    """Neither here nor by a card's compiler: they are given byte by byte."""
    code = block_kernel(mlp(), placement(mlp(), Emulated().limits()))
    with pytest.raises(UnavailableError, match="Launch differs from its mirror"):
        EmulatedProgram(
            code.replace("sizeof(Launch) == 48", "sizeof(Launch) == 56"), backwards=False
        )
