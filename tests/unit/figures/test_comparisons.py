"""Figures of cells held against each other: effects, and the label gap."""

import re

import pytest
from tests.synthetic import (
    GENERALISATION_SEEDS,
    SETTINGS,
    factorial,
    write_generalisation,
    write_study,
)
from tests.unit.figures.reading import drawn, marks, rows

from emc.figures import effects
from emc.findings import Effect
from emc.warehouse import build, open_database


def test_the_label_gap_says_how_well_it_predicts(warehouse):
    spec = drawn(warehouse, "label-gap")
    found = rows(spec)
    pairs = warehouse.sql("SELECT * FROM label_gap SEMI JOIN generalisation ON cell = original")
    assert len(found) == len(pairs)
    gaps = warehouse.sql("SELECT cell, avg(gap) AS gap FROM generalisation GROUP BY cell")
    joined = found.join(gaps, on="cell")
    assert (joined["generalisation_gap"] - joined["gap"]).abs().max() < 1e-4
    told = re.search(r"all architectures: Pearson (-?\d\.\d\d) ", spec["description"])
    assert told is not None
    assert float(told[1]) < -0.9, "the made-up gap falls with the label gap, but for noise of 0.002"


def test_one_pair_is_no_pairs(tmp_path):
    study = write_study(tmp_path, factorial(labels=["original", "random"]), probes=20)
    write_generalisation(study)
    seeds = GENERALISATION_SEEDS
    build(study.database, study.cells, study.results, SETTINGS, seeds=seeds)
    with open_database(study.database) as opened:
        assert drawn(opened, "label-gap")["description"].startswith("1 pair of cells that differ")


def test_effects_hold_the_sentences_of_the_findings(warehouse):
    found = rows(drawn(warehouse, "effects"))
    sgd = found.filter(comparison="sgd / gd").row(0, named=True)
    assert sgd["factor"] == "optimizer"
    assert sgd["low"] < sgd["ratio"] < sgd["high"]
    [told] = re.findall(r"is ([\d.]+) times", sgd["sentence"])
    assert float(told) == pytest.approx(sgd["ratio"], abs=0.0051)


def effect(factor: str, ratio: float, low: float, high: float) -> Effect:
    return Effect(factor, "1", "2", ratio, low, high, pairs=4, configurations=4, bounds=0)


def test_an_endless_interval_does_not_stretch_the_axis(warehouse, monkeypatch):
    nan, inf = float("nan"), float("inf")
    made = [
        effect("depth", 2.0, 1.5, 3.0),
        effect("batch", 5.0, 1e-9, 1e9),
        effect("label_smoothing", 4.0, 1.2, inf),
        effect("dataset", 3.0, nan, nan),
    ]
    monkeypatch.setattr(effects, "effects", lambda _: made)
    spec = drawn(warehouse, "effects")
    found = rows(spec)
    assert found["low"].to_list() == [1.5, 1 / 16, 1.2, None]
    assert found["high"].to_list() == [3.0, 80.0, 80.0, None]
    assert found["beyond_low"].to_list() == [False, True, False, None]
    assert found["beyond_high"].to_list() == [False, True, True, None]
    assert spec["description"].endswith(
        " A point alone is of too few pairs for an interval."
        " Arrows: the interval reaches beyond the axis."
    )
    assert found["comparison"].to_list() == [
        *("depth 1 / 2", "batch 1 / 2", "label smoothing 1 / 2"),
        "1 / 2",
    ]
    (line,) = (mark for mark in marks(spec) if mark["encoding"]["x"].get("datum") == 1)
    assert line["mark"]["type"] == "rule"
    monkeypatch.setattr(effects, "effects", lambda _: made[:1])
    assert drawn(warehouse, "effects")["description"].endswith("leaves open which is larger.")
