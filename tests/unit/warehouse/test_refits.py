"""EMC at other budgets and thresholds against the search's own answer to relabelled probes."""

import math

import polars as pl
import pytest
from tests.synthetic import SETTINGS, factorial, write_study

from emc.search import Trial, make
from emc.store.columns import PROBES
from emc.store.tables import read_table, write_table
from emc.warehouse import build, open_database

SPENT = {"epochs": "epochs", "steps": "steps", "gradient evaluations": "gradient_evaluations"}


def best_rate_probes(warehouse, cell):
    return warehouse.sql(
        "SELECT * FROM probes SEMI JOIN estimates AS e"
        " ON e.cell = probes.cell AND e.best_lr = probes.lr WHERE cell = $cell",
        cell=cell,
    )


def answered(cell, probes, fits):
    """What the search says of the probes if these are their fits."""
    method = make(
        "bayes",
        smallest=cell.search.smallest,
        largest=cell.dataset.facts.samples,
        rates=(1.0,),
        tolerance=cell.search.tolerance,
        probes=cell.search.probes,
        round_size=8,
    )
    return method.answer(
        [Trial(n, 1.0, fit, fit) for n, fit in zip(probes["n"], fits, strict=True)]
    )


def agree(row, answer):
    if row["bound"] != "none":
        return
    half = (answer.high - answer.low) / 2
    # Ends below 1 are left out; near it the two may lie on either side.
    assert answer.low < 1.5 if row["low"] is None else row["low"] >= 1
    low = answer.low if row["low"] is None else row["low"]
    assert abs(row["emc50"] - answer.emc50) < 0.2 * half
    assert 0.8 < (row["high"] - low) / (2 * half) < 1.45


def test_budgets_are_what_the_search_would_have_said(study, warehouse):
    plan = study.planned[0]
    probes = best_rate_probes(warehouse, plan.id)
    rows = warehouse.sql("SELECT * FROM emc_by_budget WHERE cell = $cell", cell=plan.id)
    assert set(rows["unit"]) == set(SPENT)
    for row in rows.iter_rows(named=True):
        within = (probes["outcome"] == "fit") & (probes[SPENT[row["unit"]]] <= row["budget"])
        assert (row["reached"], row["probes"]) == (within.sum(), len(probes))
        agree(row, answered(plan.cell, probes, within))
    assert (rows["bound"] == "none").sum() > 6


def test_rises_per_doubling_are_those_of_the_rows(warehouse):
    """Written row by row: the reference is the largest budget of at most a half."""
    rows = warehouse.sql("SELECT * FROM emc_by_budget ORDER BY cell, unit, budget")
    risen = 0
    for frame in rows.partition_by("cell", "unit"):
        own = frame.to_dicts()
        for row in own:
            before = [one for one in own if 2 * one["budget"] <= row["budget"]]
            if not before or row["bound"] != "none" or before[-1]["bound"] != "none":
                assert (row["rise"], row["rise_low"], row["rise_high"]) == (None, None, None)
                continue
            doublings = math.log2(row["budget"] / before[-1]["budget"])
            expected = (row["emc50"] / before[-1]["emc50"]) ** (1 / doublings)
            assert row["rise"] == pytest.approx(max(expected, 1))
            if None in (row["low"], row["high"], before[-1]["low"], before[-1]["high"]):
                assert (row["rise_low"], row["rise_high"]) == (None, None)
                continue
            variances = [
                (math.log(one["high"] / one["low"]) / (2 * 1.96)) ** 2 for one in (row, before[-1])
            ]
            factor = math.exp(1.96 * math.sqrt(sum(variances)) / doublings)
            assert row["rise_high"] == pytest.approx(max(expected * factor, 1))
            assert row["rise_low"] == pytest.approx(max(expected / factor, 1))
            risen += row["rise"] > 1
    assert risen


def test_budgets_are_powers_of_two_and_the_longest_run(study, warehouse):
    plan = study.planned[0]
    longest = best_rate_probes(warehouse, plan.id)["epochs"].max()
    rows = warehouse.sql(
        "SELECT budget FROM emc_by_budget WHERE cell = $cell AND unit = 'epochs' ORDER BY 1",
        cell=plan.id,
    )
    assert longest == 300
    assert rows["budget"].to_list() == [2, 4, 8, 16, 32, 64, 128, 256, 300]


def test_thresholds_are_what_the_search_would_have_said(study, warehouse):
    plan = study.planned[1]
    probes = best_rate_probes(warehouse, plan.id)
    rows = warehouse.sql("SELECT * FROM emc_by_threshold WHERE cell = $cell", cell=plan.id)
    assert rows["threshold"].to_list() == [0.9, 0.99, 0.995, 1.0]
    for row, mark in zip(rows.iter_rows(named=True), ("90", "99", "995", "100"), strict=True):
        reached = probes[f"step_{mark}"].is_not_null()
        assert row["reached"] == reached.sum()
        agree(row, answered(plan.cell, probes, reached))
    first, last = rows.row(0, named=True), rows.row(3, named=True)
    # Every made-up probe passes 90 %: no n that was tried is too large.
    assert first["bound"] == "lower"
    assert first["high"] is None
    assert first["emc50"] == pytest.approx(probes["n"].max())
    assert last["bound"] == "none"


def rebuilt(tmp_path, change, **factors):
    """The database of one cell whose probes are changed before it is built."""
    study = write_study(tmp_path, factorial(**factors))
    path = study.results.cell(study.planned[0].id).probes
    write_table(path, PROBES, change(read_table(path, PROBES, "-")).to_dicts())
    build(study.database, study.cells, study.results, SETTINGS)
    return open_database(study.database)


def test_a_run_cut_short_is_unknown_beyond_its_own_budget(tmp_path):
    def cut(probes):
        short = pl.col("ended") == "budget"
        return probes.with_columns(steps=pl.when(short).then(50).otherwise(pl.col("steps")))

    with rebuilt(tmp_path, cut, seed=[0]) as warehouse:
        (cell,) = warehouse.view("estimates")["cell"]
        censored = (best_rate_probes(warehouse, cell)["ended"] == "budget").sum()
        rows = warehouse.sql("SELECT * FROM emc_by_budget WHERE unit = 'steps' ORDER BY budget")
    assert censored > 0
    for row in rows.iter_rows(named=True):
        assert row["unknown"] == (censored if row["budget"] > 50 else 0)
    assert row["bound"] == "none"
    assert row["emc50_without_unknown"] > row["emc50"]


def test_where_nothing_fits_emc_is_an_upper_bound(tmp_path):
    def never(probes):
        return probes.with_columns(
            outcome=pl.lit("minimum"), ended=pl.lit("stationary"), epoch_100=None, step_100=None
        ).cast({"epoch_100": pl.Int64, "step_100": pl.Int64})

    with rebuilt(tmp_path, never, seed=[0]) as warehouse:
        (cell,) = warehouse.view("estimates")["cell"]
        smallest = best_rate_probes(warehouse, cell)["n"].min()
        rows = warehouse.sql("SELECT * FROM emc_by_budget")
    assert set(rows["bound"]) == {"upper"}
    assert rows["low"].null_count() == len(rows)
    assert rows["emc50"].to_list() == pytest.approx([smallest] * len(rows))


@pytest.mark.parametrize("schedule", ["cosine", {"warmup": 0.1}])
def test_a_rate_that_follows_the_budget_gives_no_other_budget(tmp_path, schedule):
    study = write_study(tmp_path, factorial(schedule=[schedule]))
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as warehouse:
        assert warehouse.view("emc_by_budget").is_empty()
        assert len(warehouse.view("emc_by_threshold")) == 4


def test_thresholds_above_the_criterion_are_not_answered(tmp_path):
    study = write_study(tmp_path, factorial(criterion=[0.99]))
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as warehouse:
        assert warehouse.view("emc_by_threshold")["threshold"].to_list() == [0.9, 0.99]


def test_every_cell_is_answered_whatever_its_place(study, warehouse):
    thresholds = warehouse.view("emc_by_threshold").filter(pl.col("threshold") == 1)
    assert thresholds["cell"].to_list() == warehouse.view("estimates")["cell"].to_list()
    joined = warehouse.sql(
        "SELECT t.emc50 / e.emc50 AS ratio FROM emc_by_threshold AS t JOIN estimates AS e"
        " USING (cell) WHERE threshold = 1 AND bound = 'none' AND NOT saturated"
    )["ratio"]
    assert len(joined) > 20
    assert math.exp(joined.log().mean()) == pytest.approx(1, rel=0.05)
