"""Vision transformers in the persistent kernel, as C++, against float64 torch step by step."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from tests.unit.engine.cases import assert_same_training
from tests.unit.engine.emulated import Emulated
from tests.unit.engine.interrupted import assert_same_bits, to_the_end
from tests.unit.engine.native_reference import train
from tests.unit.engine.test_native_transformer import NETS, SMALL, name, procedure, replica, vit
from torch.nn import functional

from emc.engine.fresh import fresh
from emc.engine.native import NativeBackEnd
from emc.engine.persistent import Persistent, group
from emc.engine.persistent.launch import CardLimits
from emc.engine.persistent.layout import layout_of
from emc.engine.persistent.placement import placement
from emc.engine.persistent.refusal import block_net, refusal
from emc.engine.procedure import Procedure, Replica, TrainedRun, Update
from emc.engine.sequential import Sequential
from emc.errors import EmcError
from emc.nets.build import Factory
from emc.nets.module import load
from emc.nets.recognise import recognised
from emc.nets.transformer import Transformer

H200 = CardLimits(227 << 10, 228 << 10, 132, 139 << 30)
T4 = CardLimits(64 << 10, 64 << 10, 40, 16 << 30)


def run(asked: Procedure, *given: Replica, **machine: Any) -> list[TrainedRun]:
    return Persistent(Emulated(**machine)).run(asked, given)


def two_labels(sample: Replica) -> Replica:
    """Each input twice, with two of the three labels: no run fits, and a class is absent."""
    rows = np.repeat(sample.rows[: -(-sample.n // 2)], 2)
    return replace(sample, rows=rows, labels=np.arange(len(rows)) % 2)


@pytest.mark.parametrize(
    ("update", "lr"),
    [
        (Update("sgd", momentum=0.9), 0.02),
        (Update("sgd", momentum=0.8, nesterov=True, weight_decay=0.01), 0.02),
        (Update("gd", momentum=0.9, weight_decay=0.003), 0.05),
        (Update("adam", epsilon=1e-3, weight_decay=0.02), 0.003),
        (Update("adamw", epsilon=1e-3, weight_decay=0.1), 0.003),
    ],
    ids=["sgd", "nesterov", "gd", "adam", "adamw"],
)
def test_fifty_steps_are_the_references_to_rounding(update: Update, lr: float) -> None:
    """With a large epsilon: the biases of keys have no gradient, and Adam would follow rounding."""
    batch = None if update.name == "gd" else 16
    asked = procedure(update=update, batch=batch, order="ragged", epochs=None, steps=50)
    given = [two_labels(replica(SMALL, n, lr)) for n in (21, 50, 6)]
    for found, sample in zip(run(asked, *given), given, strict=True):
        exact = train(asked, sample)
        assert found.steps == exact.steps == 50
        assert np.allclose(found.epoch_losses, exact.epoch_losses, rtol=1e-5, atol=1e-5)
        for key, values in exact.net.numbers().items():
            np.testing.assert_allclose(
                found.parameters[key], values, rtol=3e-5, atol=3e-5, err_msg=key
            )


@pytest.mark.parametrize("made", NETS, ids=name)
def test_a_step_is_along_the_gradient(made: Factory, monkeypatch: pytest.MonkeyPatch) -> None:
    """From weights among which none is zero, as those of a fresh head are; of one sample too."""
    asked = procedure(
        made, update=Update("gd", momentum=0.0), batch=None, epochs=1, label_smoothing=0.1
    )
    samples = [replica(made, n, lr=1.0) for n in (1, 21, 200)]
    reference = fresh(asked, 3).double()
    draw = np.random.default_rng(5)
    before = {
        key: (weight.detach().numpy() + 0.3 * draw.normal(size=weight.shape)).astype(np.float32)
        for key, weight in reference.named_parameters()
    }
    monkeypatch.setattr(Persistent, "_hold_against_reference", lambda *_: None)
    monkeypatch.setattr(group, "start", lambda *_: before)
    for found, sample in zip(run(asked, *samples), samples, strict=True):
        load(reference, before)
        reference.zero_grad()
        logits = reference(torch.from_numpy(sample.inputs[sample.rows]).double())
        labels = torch.from_numpy(sample.labels)
        functional.cross_entropy(logits, labels, label_smoothing=0.1).backward()
        for key, weight in reference.named_parameters():
            assert weight.grad is not None
            stepped = before[key] - found.parameters[key].astype(np.float64)
            np.testing.assert_allclose(
                stepped, weight.grad.numpy(), atol=3e-6, rtol=1e-5, err_msg=key
            )


@pytest.mark.parametrize(
    "changes",
    [
        {"order": "balanced"},
        {"order": "ragged", "label_smoothing": 0.2},
        {"batch": None, "loss": "squared-error"},
        {"batch": 1000, "schedule": "cosine", "warmup": 0.2},
        {"epochs": None, "steps": 17},
        {"criterion": 0.9, "epochs": 40},
    ],
)
def test_procedures_are_the_references(changes: dict[str, Any]) -> None:
    asked = procedure(**changes)
    given = [replica(SMALL, n, lr=0.02) for n in (1, 17, 40)]
    for found, expected in zip(
        run(asked, *given), Sequential("cpu").run(asked, given), strict=True
    ):
        assert found.back_end == "persistent"
        assert_same_training(found, expected, tolerance=1e-3)
        assert list(found.parameters) == list(expected.parameters)


@pytest.mark.parametrize(
    ("block_memory", "inside"),
    [(76, (4, True)), (44, (2, True)), (28, (1, True)), (10, (0, True)), (8, (0, False))],
)
def test_what_does_not_fit_into_a_block_lies_outside(
    block_memory: int, inside: tuple[int, bool]
) -> None:
    """Where a block looks at few images, a batch is many chunks whose gradients add up."""
    size = block_memory << 10
    machine: dict[str, Any] = {"block_memory": size, "shared_memory": 2 * size + 2048}
    asked = procedure(update=Update("adam", epsilon=1e-3), order="ragged", epochs=3)
    made = placement(block_net(asked), Emulated(**machine).limits())
    assert (made.arrays_inside, made.chunk_inside) == inside
    given = [replica(SMALL, n, lr=0.003) for n in (40, 17, 1)]
    roomy = run(asked, *given)
    for found, expected in zip(run(asked, *given, **machine), roomy, strict=True):
        assert_same_training(found, expected, tolerance=1e-4)


def test_no_number_depends_on_blocks_neighbours_slices_or_the_order_of_items(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked, given = procedure(epochs=12), [replica(SMALL, n) for n in (40, 3, 77, 21, 1)]
    together = run(asked, *given, multiprocessors=1)
    assert_same_bits(run(asked, *given, multiprocessors=8), together)
    assert_same_bits(run(asked, *given, backwards=True), together)
    assert_same_bits([run(asked, each)[0] for each in given], together)
    monkeypatch.setattr(group, "_FIRST_STEPS", 1)
    monkeypatch.setattr(group, "_SLICE_SECONDS", 1e-9)
    back_end = Persistent(Emulated())
    found, kills = to_the_end(lambda kept: back_end.run(asked, given, kept))
    assert kills >= 12
    assert_same_bits(found, together)


def test_the_first_epoch_of_fit_is_the_native_kernels() -> None:
    asked, given = procedure(epochs=200), [replica(SMALL, n) for n in range(4, 28, 4)]
    found, native = run(asked, *given), NativeBackEnd().run(asked, given)
    assert [each.milestones for each in found] == [each.milestones for each in native]
    assert [each.ended for each in found] == [each.ended for each in native]
    assert {str(each.ended) for each in found} == {"fit"}


def test_a_diverging_run_says_so() -> None:
    (found,) = run(procedure(), replica(SMALL, 40, lr=1e30))
    assert found.ended == "diverged"


def test_a_module_that_is_one_trains_under_its_own_names() -> None:
    known = recognised(SMALL, SMALL.shape, SMALL.classes)
    assert isinstance(known.net, Transformer)
    asked, sample = replace(procedure(), module=known), replica(SMALL, 21)
    (found,), (expected,) = run(asked, sample), run(procedure(), sample)
    assert_same_bits([found], [expected])


def test_images_of_another_shape_are_refused() -> None:
    sample = replace(replica(SMALL, 5), inputs=np.zeros((16, 1, 8, 9), np.float32))
    with pytest.raises(EmcError, match="inputs: expected images of 1x8x8, found shape"):
        run(procedure(), sample)


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (
            vit("gelu", (1, 28, 28), width=24, depth=6, heads=4),
            "a block keeps 144,285 numbers of a sample, more than 50,000",
        ),
        (
            vit("gelu", (1, 8, 8), width=64, depth=2, heads=4),
            "the net has 101,763 parameters, more than 100,000",
        ),
        (replace(SMALL, classes=300), "there are 300 classes, more than 256"),
        (replace(SMALL, activation="elu"), "the activation is 'elu'"),
    ],
    ids=["kept", "parameters", "classes", "activation"],
)
def test_what_it_leaves_to_others(made: Factory, reason: str) -> None:
    assert reason in (refusal(procedure(made)) or "")


@pytest.mark.parametrize("limits", [H200, T4])
@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize(("side", "patch", "width"), [(8, 4, 16), (28, 4, 8), (28, 7, 32)])
def test_placements_keep_to_what_a_card_has(
    limits: CardLimits, side: int, patch: int, width: int, depth: int
) -> None:
    net = Transformer(1, side, patch, depth, width, 4, "gelu", 10)
    made = placement(net, limits)
    assert made.block_memory <= limits.block_memory
    assert made.blocks_at_once * (made.block_memory + 1024) <= limits.shared_memory
    assert made.order_room >= 0
    assert made.size >= net.size
    assert made.chunk_inside or layout_of(net).kept > 4096
    assert 1 <= made.rows <= 128


def test_sizes_are_counted_by_hand() -> None:
    """Two patches by two of a pixel each, tokens of three numbers, one head, two classes."""
    net = Transformer(1, 2, 1, 1, 3, 1, "relu", 2)
    layout = layout_of(net)
    norm, square, joint = 6, 4 * 3, 4 * 7
    mlp = 4 * 13 + 13 * 3
    ends = (1 + 5) * 3 + 2 * 3 + norm + 4 * 3
    assert layout.array_size == ends + 2 * norm + 2 * square + joint + mlp
    tokens = 5 * (5 + 7)
    query = 2 * 3 + 5 + 5 + 13
    assert layout.kept == 4 * 1 + 1 + 2 * 5 * 3 + tokens + query + 5 + 3
    assert net.multiply_adds == 4 * 3 + (2 * 5 + 10) * 9 + 2 * 5 * 3 + 3 * 2
