"""Each view against plain arithmetic on the rows that were written."""

import math
from collections import Counter

import polars as pl
import pytest
from tests.synthetic import SETTINGS, edit_document, factorial, write_study

from emc.store.columns import CERTIFICATES, PROBES
from emc.store.tables import read_table
from emc.warehouse import build, open_database


def emc_row(warehouse, cell):
    return warehouse.sql("SELECT * FROM emc WHERE cell = $cell", cell=cell).row(0, named=True)


def test_emc_derives_per_parameter_and_bits(study, warehouse):
    for plan in study.planned[:-2]:
        row = emc_row(warehouse, plan.id)
        assert row["per_parameter"] == pytest.approx(row["emc50"] / plan.cell.parameters)
        bits = row["emc50"] * math.log2(10) / plan.cell.parameters
        wanted = pytest.approx(bits) if plan.cell.labels.name == "random" else None
        assert row["bits_per_parameter"] == wanted


def test_emc_counts_outcomes_and_work(study, warehouse):
    plan = study.planned[0]
    probes = read_table(study.results.cell(plan.id).probes, PROBES, "-")
    outcomes = Counter(probes["outcome"])
    row = emc_row(warehouse, plan.id)
    assert [row["fits"], row["stuck"], row["censored"], row["diverged"]] == [
        outcomes[name] for name in ("fit", "stuck", "censored", "diverged")
    ]
    assert row["gradient_evaluations"] == probes["gradient_evaluations"].sum()


def test_emc_counts_verdicts(study, warehouse):
    plan = study.planned[0]
    path = study.results.cell(plan.id).certificate(SETTINGS)
    certificates = read_table(path, CERTIFICATES, "-")
    verdicts = Counter(certificates["verdict"])
    row = emc_row(warehouse, plan.id)
    assert row["certified"] == len(certificates)
    assert row["certified_minimum"] == verdicts["minimum"]
    assert row["certified_fitted"] == verdicts["fitted, gradient vanishing"]
    assert row["certified_saddle"] == verdicts["saddle"]
    assert row["certified_unconverged"] == verdicts["unconverged"]
    assert row["certified_inconclusive"] == verdicts["inconclusive"]
    failures = certificates.filter(pl.col("outcome") != "fit")
    assert row["failures_examined"] == len(failures)
    assert row["failures_certified"] == (failures["verdict"] == "minimum").sum()


def test_a_measured_cell_without_certificate_counts_none(study, warehouse):
    row = emc_row(warehouse, study.planned[-3].id)
    assert (row["status"], row["certified"]) == ("measured", 0)


@pytest.mark.parametrize(("without", "matters"), [(120.0, True), (104.0, False)])
def test_censoring_matters_beyond_the_interval(tmp_path, without, matters):
    study = write_study(tmp_path, factorial(seed=[0]), probes=8)
    path = study.results.cell(study.planned[0].id).estimate
    edit_document(path, {"emc50": 100.0, "high": 105.0, "emc50_without_censored": without})
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as opened:
        assert opened.view("emc")["censoring_matters"].to_list() == [matters]


def test_accuracy_by_n_groups_the_probes(study, warehouse):
    probes = warehouse.view("probes")
    wanted = (
        probes.group_by("cell", "lr", "n")
        .agg(
            probes=pl.len().cast(pl.Int64),
            fits=(pl.col("outcome") == "fit").sum().cast(pl.Int64),
            fit_share=(pl.col("outcome") == "fit").mean(),
            accuracy_min=pl.col("accuracy").min(),
            accuracy_max=pl.col("accuracy").max(),
        )
        .sort("cell", "lr", "n")
    )
    found = warehouse.view("accuracy_by_n")
    assert found.select(wanted.columns).equals(wanted)
    outcomes = found.select(pl.sum_horizontal("fits", "stuck", "censored", "diverged"))
    assert outcomes.to_series().equals(found["probes"], check_names=False)


def test_learning_rates_are_compared_with_the_best(warehouse):
    rates = warehouse.view("emc_by_learning_rate")
    best = rates.filter("best")
    assert len(best) == rates["cell"].n_unique()
    assert best["of_best"].to_list() == [1.0] * len(best)
    joined = rates.join(best.select("cell", top="emc50"), on="cell")
    assert (joined["of_best"] - joined["emc50"] / joined["top"]).abs().max() < 1e-12


def test_label_gap_pairs_cells_that_differ_in_labels_only(study, warehouse):
    pairs = warehouse.view("label_gap")
    by_id = {plan.id: plan.cell for plan in study.planned[:-2]}
    found = set(pairs.select("original", "random").iter_rows())
    wanted = {
        (one, other)
        for one, cell in by_id.items()
        for other, twin in by_id.items()
        if cell.labels.name == "original"
        and twin.model_copy(update={"labels": cell.labels}) == cell
        if one != other
    }
    assert found == wanted
    assert len(found) > 10
    estimates = dict(warehouse.sql("SELECT cell, emc50 FROM estimates").iter_rows())
    for original, random, gap, ratio in pairs.select(
        "original", "random", "gap", "ratio"
    ).iter_rows():
        assert gap == pytest.approx(estimates[original] - estimates[random])
        assert ratio == pytest.approx(estimates[original] / estimates[random])


def test_label_gap_wants_equal_label_spaces(tmp_path):
    labels = ["original", {"name": "random", "classes": 2}]
    study = write_study(tmp_path, factorial(labels=labels), probes=5)
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as opened:
        assert opened.view("label_gap").is_empty()


def test_curvature_relates_both_ends_of_the_spectrum(warehouse):
    rows = warehouse.view("curvature")
    assert len(rows) == len(warehouse.view("certificates"))
    ratio = rows["lambda_min"] / rows["lambda_max"]
    assert (rows["curvature_ratio"] - ratio).abs().max() == 0
    assert rows["n_over_emc50"].is_between(0, 50).all()
