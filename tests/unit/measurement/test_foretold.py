"""What is foretold of cells on a card and on the processor."""

from dataclasses import replace
from typing import Any

import pytest

from emc.measurement.expectation import expectation, expected_probes
from emc.measurement.foretold import KnownPaces, foretold, foretold_runs, layered
from emc.measurement.kinds import kind
from emc.records import Pace
from emc.study import Cell

NOTHING = KnownPaces({}, {})
TOGETHER = 16
"""Replicas of a timing run on a card."""
PACE = Pace(
    parameters=13002,
    work=12960,
    training=1e-6,
    gradients=1,
    finishing=0,
    passing=0,
    starting=1,
    megabytes=100,
)


def cell(**keys: Any) -> Cell:
    content = {
        "dataset": "mnist-5k",
        "labels": "random",
        "architecture": {"name": "mlp", "depth": 2, "width": 16},
        "optimizer": {"name": "sgd", "lr": 0.1},
        "budget": {"steps": 30000},
        "finish": {"iterations": 0},
        "search": {"tolerance": 0.1, "aim": "budget"},
        **keys,
    }
    return Cell.model_validate(content)


def paces(one: Cell, processor: float, card: float) -> KnownPaces:
    return KnownPaces(
        {kind(one, "cpu"): [replace(PACE, training=processor)]},
        {kind(one, "cuda"): [replace(PACE, training=card, together=TOGETHER)]},
    )


def test_measured_paces_are_believed() -> None:
    """75 probes here; there 98 in four rounds, each of one probe's time among those timed."""
    one = cell()
    known = paces(one, 1e-6, 1e-8)
    here = expectation(one, known.processor, "cpu")
    found = foretold(one, "NVIDIA H200", known)
    assert here is not None
    assert found is not None
    assert found.processor == here.seconds
    each = (here.seconds - PACE.starting) / expected_probes(one) * 1e-8 / 1e-6
    assert found.card == pytest.approx(1.3 + 4 * TOGETHER * each)
    assert found.measured
    assert found.gain == pytest.approx(found.processor / found.card)
    assert found.told.endswith("the card (NVIDIA H200; as timed)")


def test_what_was_never_timed_must_gain_four_times_as_much() -> None:
    found = foretold(cell(), "NVIDIA H200", NOTHING)
    assert found is not None
    assert found.gain == pytest.approx(found.processor / found.card / 4)
    assert "by counted operations, never timed" in found.told


def test_a_finish_gains_nothing_from_a_card() -> None:
    """It is computed on the processor, whatever trained."""
    finished = foretold(cell(finish={}, search={"tolerance": 0.1}), "NVIDIA H200", NOTHING)
    unfinished = foretold(cell(), "NVIDIA H200", NOTHING)
    assert finished is not None
    assert unfinished is not None
    assert finished.gain < unfinished.gain


def test_rounds_of_epochs_last_as_long_as_their_largest_n() -> None:
    epochs, few = cell(budget={"epochs": 300}), paces(cell(), 1e-6, 1e-8)
    known = KnownPaces(
        {kind(epochs, "cpu"): next(iter(few.processor.values()))},
        {kind(epochs, "cuda"): next(iter(few.card.values()))},
    )
    found, steady = foretold(epochs, "NVIDIA H200", known), foretold(cell(), "NVIDIA H200", few)
    assert found is not None
    assert steady is not None
    assert found.gain < 0.9 * steady.gain


@pytest.mark.parametrize("method", ["bisection", "walk", "ladder"])
def test_a_search_that_asks_for_one_probe_at_a_time_gains_nothing(method: str) -> None:
    found = foretold(cell(search={"method": method, "aim": "budget"}), "NVIDIA H200", NOTHING)
    assert found is not None
    assert found.processor < found.card


def test_a_slower_card_takes_longer() -> None:
    one = cell()
    h200, t4 = (foretold(one, told, NOTHING) for told in ("NVIDIA H200", "Tesla T4"))
    assert h200 is not None
    assert t4 is not None
    assert h200.card < t4.card
    unknown = foretold(one, "A card of 2031", NOTHING)
    assert unknown is not None
    assert unknown.card == t4.card
    assert "a model that is not known" in unknown.told


@pytest.mark.parametrize(
    "keys",
    [
        {"dataset": {"name": "csv", "file": "t.csv", "label": "y"}},
        {"architecture": {"name": "resnet", "depth": 10, "width": 4}},
        {"optimizer": {"name": "muon", "lr": 0.1}},
        {"parameterisation": {"name": "subspace", "dimension": 5}},
    ],
    ids=["data", "net", "optimizer", "form"],
)
def test_nothing_is_foretold_of_what_is_not_counted(keys: dict[str, Any]) -> None:
    assert foretold(cell(**keys), "NVIDIA H200", NOTHING) is None
    assert foretold_runs(cell(**keys), 3, "NVIDIA H200", NOTHING) is None


def vit(**sizes: int) -> Cell:
    return cell(architecture={"name": "vit", "patch": 7, "depth": 1, "heads": 1, **sizes})


def test_a_vision_transformer_is_foretold_by_its_own_operations() -> None:
    small, wide = (foretold(vit(width=width), "NVIDIA H200", NOTHING) for width in (4, 8))
    assert small is not None
    assert wide is not None
    assert small.processor < wide.processor
    assert small.card < wide.card < 300


def test_of_one_that_no_block_takes_compiled_steps_are_foretold() -> None:
    """It keeps more numbers of a sample than a block may; programs take 300 s to compile."""
    found = foretold(vit(width=48, patch=4, depth=2), "NVIDIA H200", NOTHING)
    assert found is not None
    assert found.card > 300


def test_few_runs_gain_less_than_a_search() -> None:
    one = cell()
    search, runs = foretold(one, "NVIDIA H200", NOTHING), foretold_runs(one, 3, "H200", NOTHING)
    assert search is not None
    assert runs is not None
    assert runs.gain < search.gain


def test_nets_of_layers_are_told_from_others() -> None:
    assert layered(cell()) is not None
    assert layered(cell(architecture={"name": "vit", "depth": 1, "width": 8, "patch": 7})) is None
