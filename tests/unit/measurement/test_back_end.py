"""Which back end the rounds of a cell take, where kernels do not know the net."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from torch import nn

from emc.engine import Procedure, Update, choose
from emc.engine.checkpoint import NoCheckpoints, Snapshot
from emc.engine.procedure import Replica
from emc.measurement import rounds
from emc.measurement.arrays import ArraySamples
from emc.measurement.finishing import finishing
from emc.measurement.measure import method
from emc.measurement.rounds import Assignment, run_rounds
from emc.measurement.source import LabelledSamples
from emc.measurement.unwritten import UnwrittenJournal
from emc.study import Cell
from emc.study.search import Search
from emc.study.training import Finish

LABELS = Cell.model_validate(
    {"dataset": "digits", "labels": "random", "architecture": "linear"}
).labels


def net() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.GLU(), nn.Linear(2, 2))


def assignment(probes: int, **keys: Any) -> Assignment:
    """Two probes per round."""
    draw = np.random.default_rng(0)
    samples = ArraySamples(draw.normal(size=(12, 3)).astype(np.float32), np.arange(12) % 2, 2)
    source = LabelledSamples(samples, LABELS)
    trained = Procedure(2, Update("sgd", momentum=0.9), module=net, epochs=2)
    unfinished = finishing(trained, source, Finish(iterations=0), None, "cpu")
    searching = method(Search(probes=probes), (0.1,), 12, 2, unfinished.refused)
    given = Assignment("own", source, trained, unfinished, searching, 2, "cpu", None)
    return replace(given, **keys)


@pytest.fixture
def trials(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many replicas each trial had; the plain loop wins."""
    seen: list[int] = []

    def settle(trained: Procedure, replicas: Sequence[Replica], device: str) -> None:
        seen.append(len(replicas))
        choose.prefer(trained, device, "sequential")

    monkeypatch.setattr(rounds, "settle", settle)
    return seen


def nothing(*_: object) -> None:
    """Told of no progress."""


def test_one_trial_before_the_first_round_is_for_all(trials: list[int]) -> None:
    journal = UnwrittenJournal()
    run_rounds(assignment(probes=6), journal, nothing)
    assert trials == [2]
    assert {probe.run.back_end for probe in journal.probes} == {"sequential"}
    assert len(journal.rounds) == 3


def test_a_resumed_cell_goes_on_with_the_back_end_of_its_journal(
    trials: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = UnwrittenJournal()
    run_rounds(assignment(probes=2), journal, nothing)
    monkeypatch.setattr(choose, "_chosen", {})  # another process
    run_rounds(assignment(probes=6), journal, nothing)
    assert trials == [2]
    assert [probe.run.back_end for probe in journal.probes] == ["sequential"] * 6


def test_a_round_under_way_goes_on_with_the_back_end_that_began_it(trials: list[int]) -> None:
    class Kept(NoCheckpoints):
        def load(self) -> Snapshot:
            return Snapshot({"back_end": "sequential", "parts": {"runs": {}}}, {})

    journal = UnwrittenJournal()
    run_rounds(assignment(probes=2), journal, nothing, lambda _: Kept())
    assert trials == []
    assert {probe.run.back_end for probe in journal.probes} == {"sequential"}


def test_a_forced_back_end_needs_no_trial(trials: list[int]) -> None:
    journal = UnwrittenJournal()
    run_rounds(assignment(probes=2, back_end="vmap"), journal, nothing)
    assert trials == []
    assert {probe.run.back_end for probe in journal.probes} == {"vmap"}


def test_another_device_tries_anew(trials: list[int]) -> None:
    """A journal of kernels on a processor says nothing of a GPU."""
    journal = UnwrittenJournal()
    run_rounds(assignment(probes=2), journal, nothing)
    elsewhere = [replace(one, device="cuda") for one in journal.rounds[0]]
    journal.rounds[0] = [
        replace(one, run=replace(one.run, back_end="compiled")) for one in elsewhere
    ]
    run_rounds(assignment(probes=4), journal, nothing)
    assert trials == [2, 2]
    assert journal.probes[-1].run.back_end == "sequential"
