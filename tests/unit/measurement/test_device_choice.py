"""Which jobs take a card: made-up cards, and what is foretold of them."""

import itertools
from math import inf
from pathlib import Path

import pytest
from torch import nn

from emc.data.prepare import prepare
from emc.engine.card_models import card_model
from emc.engine.procedure import Procedure, Update
from emc.errors import MachineError
from emc.measurement import device_choice
from emc.measurement.device_choice import (
    GAIN,
    Workers,
    device_to_call,
    device_to_certify,
    device_to_measure,
    device_to_test,
    devices,
    known_cell,
    wanted_gain,
    worthwhile_gain,
)
from emc.measurement.foretold import Foretold, KnownPaces
from emc.nets.layers import Dense
from emc.store.layout import Results
from emc.study import Cell, PlannedCell
from emc.study.identity import dataset_id
from emc.study.search import Search

H200 = card_model("NVIDIA H200")


def job(processor: float, card: float) -> Foretold:
    return Foretold(processor, card, H200, measured=True)


def cell(name: str = "mlp", **keys: object) -> Cell:
    sizes = {
        "mlp": {"depth": 1, "width": 4},
        "mlp-mixer": {"depth": 1, "width": 8, "patch": 4},
        "vit": {"depth": 1, "width": 8, "heads": 2, "patch": 4},
    }
    content = {"dataset": "digits", "architecture": {"name": name, **sizes[name]}, **keys}
    return Cell.model_validate(content)


@pytest.fixture(autouse=True)
def _card(monkeypatch: pytest.MonkeyPatch) -> None:
    """An H200 that can be seen, of whose pace and the processor's nothing was measured."""
    monkeypatch.setattr(device_choice, "visible_model", lambda _: "NVIDIA H200")
    monkeypatch.setattr(device_choice, "paces_here", lambda: KnownPaces({}, {}))
    monkeypatch.delenv(GAIN, raising=False)


def ends(cells: list[Foretold], on_cards: set[int], workers: Workers) -> float:
    """When the last of a study's jobs ends, if jobs can be cut into pieces."""
    cards = min(workers.cards, len(on_cards))
    rest = [one.processor for place, one in enumerate(cells) if place not in on_cards]
    if rest and workers.cores == cards:
        return inf
    there = sum(cells[place].card for place in on_cards) / max(cards, 1)
    here = max(sum(rest) / (workers.cores - cards), *rest) if rest else 0.0
    return max(there, here)


@pytest.mark.parametrize("workers", [Workers(1, 1), Workers(4, 1), Workers(4, 2), Workers(16, 8)])
def test_the_gain_is_that_of_the_best_way_to_share(workers: Workers) -> None:
    """All ways to share six cells, of which those that gain most come first, are tried."""
    cells = [job(100.0, 100 / gain) for gain in (0.5, 2, 3, 5, 8, 20)]
    gain = worthwhile_gain(cells, workers)
    taken = {place for place, one in enumerate(cells) if one.gain >= gain}
    tried = (
        ends(cells, set(some), workers)
        for count in range(len(cells) + 1)
        for some in itertools.combinations(range(len(cells)), count)
    )
    assert ends(cells, taken, workers) == pytest.approx(min(tried))


def test_a_study_is_never_slower_with_a_card_than_without() -> None:
    """A card that is a little faster than a core takes one of many cells, not all of them."""
    cells, workers = [job(100.0, 90.0)] * 64, Workers(16, 1)
    assert worthwhile_gain(cells, workers) == inf
    slower = [job(100.0, 110.0)] * 3
    assert worthwhile_gain(slower, workers) == inf


def test_without_a_place_on_a_card_none_is_taken() -> None:
    assert worthwhile_gain([job(100.0, 1.0)], Workers(4, 0)) == inf


@pytest.mark.parametrize("text", ["fast", "-1", "nan", ""])
def test_a_gain_that_is_no_number_is_an_error(text: str) -> None:
    with pytest.raises(
        MachineError, match=f"{GAIN}: expected a number from 0, or inf, found '{text}'"
    ):
        wanted_gain({GAIN: text})


def test_a_cell_takes_the_processor_where_that_is_foretold_to_be_faster(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The reason is logged."""
    caplog.set_level("INFO")
    assert device_to_measure(cell(), "auto") == "cpu"
    assert "the processor: foretold" in caplog.text
    assert "a gain of" in caplog.text
    monkeypatch.setenv(GAIN, "0")
    assert device_to_measure(cell(), "auto") == "auto"
    assert "a card: foretold" in caplog.text


def test_a_device_that_is_asked_for_is_taken() -> None:
    assert device_to_measure(cell(), "cuda") == "cuda"
    assert device_to_measure(cell(), "cpu") == "cpu"


def test_without_a_card_nothing_is_foretold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_choice, "visible_model", lambda _: None)
    assert device_to_measure(cell(), "auto") == "auto"
    assert devices([PlannedCell("a", cell(), "", ())], Workers(1, 1)) is None


def test_a_net_of_which_nothing_is_foretold_takes_the_card() -> None:
    assert device_to_measure(cell("mlp-mixer"), "auto") == "auto"
    assert device_to_test(cell("mlp-mixer"), 3) == "auto"
    assert device_to_certify(cell("mlp-mixer")) == "auto"


@pytest.mark.parametrize("name", ["mlp", "vit"])
def test_nets_that_kernels_differentiate_are_certified_on_the_processor(name: str) -> None:
    assert device_to_certify(cell(name)) == "cpu"


def test_few_runs_on_all_samples_take_the_processor() -> None:
    assert device_to_test(cell(), 3) == "cpu"


def test_a_call_takes_a_card_where_it_is_foretold_to_be_faster() -> None:
    layers = (Dense(64, 16, True, "relu"), Dense(16, 10, True, "identity"))
    known = Procedure(10, Update("sgd"), layers=layers, batch=128, steps=30_000)
    assert device_to_call(known, Search(tolerance=0.2, probes=3), 1, 5000) == "cpu"
    assert device_to_call(known, Search(tolerance=0.01, probes=100_000), 1, 5000) == "auto"
    unknown = Procedure(10, Update("sgd"), module=nn.Identity)
    assert device_to_call(unknown, Search(), 1, 5000) == "auto"


PLANNED = [
    PlannedCell(name, cell(kind), "", ()) for name, kind in (("a", "mlp"), ("b", "mlp-mixer"))
]


def test_a_study_shares_its_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the environment says of the gain wins over what suits the workers."""
    found = devices(PLANNED, Workers(2, 1))
    assert found is not None
    assert [found.takes_card(one) for one in PLANNED] == [False, True]
    assert [found.takes_card_to_test(one, 3) for one in PLANNED] == [False, True]
    monkeypatch.setenv(GAIN, "0")
    found = devices(PLANNED, Workers(2, 1))
    assert found is not None
    assert [found.takes_card(one) for one in PLANNED] == [True, True]


@pytest.mark.parametrize(
    ("left", "workers", "before"), [(PLANNED[:1], Workers(2, 1), ["a"]), (PLANNED, None, [])]
)
def test_finished_cells_are_foretold_only_where_they_are_asked_for(
    left: list[PlannedCell], workers: Workers | None, before: list[str]
) -> None:
    found = devices(left, workers)
    assert found is not None
    assert list(found.known) == before
    assert [found.takes_card(one) for one in PLANNED] == [False, True]
    assert list(found.known) == ["a", "b"]


def test_a_job_knows_its_data_by_their_manifest(tmp_path: Path) -> None:
    data = {"name": "gaussian", "dimension": 6, "samples": 60, "classes": 3}
    results, one = Results(tmp_path), cell(dataset=data)
    prepare(one.dataset, results.data(dataset_id(one.dataset)), None)
    assert known_cell(one, results).facts == ((6,), 3, 60)
