"""Each view against plain arithmetic on the rows that were written."""

import math
from collections import Counter

import polars as pl
import pytest
from tests.synthetic import SETTINGS, edit_document, factorial, write_study

from emc.records import Outcome
from emc.store.columns import CERTIFICATES, PROBES
from emc.store.tables import read_table, write_table
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


def test_emc_derives_what_trains(tmp_path):
    forms = ["full", {"name": "low-rank", "rank": 1}, {"name": "quantised", "bits": 2}]
    made = write_study(tmp_path, factorial(parameterisation=forms), probes=8)
    build(made.database, made.cells, made.results, SETTINGS)
    with open_database(made.database) as opened:
        rows = [emc_row(opened, plan.id) for plan in made.planned]
    full, low_rank, quantised = rows
    for row, plan in zip(rows, made.planned, strict=True):
        assert row["parameterisation"] == plan.cell.parameterisation.name
        assert row["per_trainable"] == pytest.approx(row["emc50"] / plan.cell.trainable)
        assert row["per_bit"] == pytest.approx(row["emc50"] / plan.cell.bits)
    assert full["per_trainable"] == full["per_parameter"]
    assert low_rank["per_trainable"] > 2 * low_rank["per_parameter"]
    assert quantised["per_bit"] == pytest.approx(quantised["per_parameter"] / 2)


def test_emc_counts_outcomes_and_work(study, warehouse):
    plan = study.planned[0]
    probes = read_table(study.results.cell(plan.id).probes, PROBES, "-")
    outcomes = Counter(probes["outcome"])
    row = emc_row(warehouse, plan.id)
    assert [row["fits"], row["finished"], row["minimum"], row["open"], row["diverged"]] == [
        outcomes[name] for name in Outcome
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
    failures = certificates.filter(~pl.col("outcome").is_in(["fit", "finished"]))
    assert row["unfitted_examined"] == len(failures)
    assert row["unfitted_certified"] == (failures["verdict"] == "minimum").sum()


def test_a_measured_cell_without_certificate_counts_none(study, warehouse):
    row = emc_row(warehouse, study.planned[-3].id)
    assert (row["status"], row["certified"]) == ("measured", 0)


def test_what_open_runs_and_odd_curves_do_is_told(tmp_path):
    study = write_study(tmp_path, factorial(seed=[0]), probes=8)
    told = {
        "emc50": None,
        "high": None,
        "open_matters": True,
        "unfitted_decided": 0.25,
        "one_curve": False,
        "misfit": "two transitions",
        "rate_at_edge": "highest",
    }
    edit_document(study.results.cell(study.planned[0].id).estimate, told)
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as opened:
        found = opened.view("emc").row(0, named=True)
    assert {name: found[name] for name in told} == told
    assert found["status"] == "measured"


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
    outcomes = found.select(pl.sum_horizontal("fits", "finished", "minimum", "open", "diverged"))
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


def test_end_points_that_the_finish_fitted_are_fits(warehouse):
    rows = warehouse.view("curvature")
    assert rows["fitted"].equals(rows["outcome"].is_in(["fit", "finished"]), check_names=False)
    assert set(rows["fitted"]) == {True, False}


def test_minima_summarise_the_end_points_of_each_optimizer(warehouse):
    rows = warehouse.view("minima")
    ends = warehouse.view("curvature")
    assert rows["end_points"].sum() == len(ends)
    for row in rows.iter_rows(named=True):
        own = ends.filter(
            (pl.col("optimizer") == row["optimizer"]) & (pl.col("fitted") == row["fitted"])
        )
        assert (row["end_points"], row["cells"]) == (len(own), own["cell"].n_unique())
        assert row["lambda_max_median"] == pytest.approx(own["lambda_max"].median())
        for word in ("minimum", "saddle", "unconverged", "inconclusive"):
            assert row[word] == (~own["fitted"] & (own["verdict"] == word)).sum()
        known = own.filter("lambda_min_known")
        assert row["lambda_min_known"] == len(known)
        assert row["curvature_ratio_median"] == pytest.approx(known["curvature_ratio"].median())


def test_a_mere_upper_bound_of_the_smallest_eigenvalue_is_not_compared(tmp_path):
    study = write_study(tmp_path, factorial(seed=[0]))
    path = study.results.cell(study.planned[0].id).certificate(SETTINGS)
    rows = read_table(path, CERTIFICATES, "-").with_columns(
        exact=False, verdict=pl.lit("unconverged")
    )
    write_table(path, CERTIFICATES, rows.to_dicts())
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as opened:
        assert not opened.view("curvature")["lambda_min_known"].any()
        assert opened.view("minima")["lambda_min_known"].sum() == 0
        assert opened.view("minima")["curvature_ratio_median"].null_count() == 2
