"""Figures of certified end points: curvature, what became of unfitted probes, sharpness."""

import polars as pl
import pytest
from tests.synthetic import SETTINGS, factorial, write_study
from tests.unit.figures.reading import drawn, rows

from emc.warehouse import build, open_database


def test_curvature_draws_end_points_with_a_known_spectrum(tmp_path):
    study = write_study(tmp_path, factorial(seed=[0, 1]), probes=20)
    path = study.results.cell(study.planned[0].id).certificate(SETTINGS)
    table = pl.read_parquet(path)
    table.with_columns(lambda_min=pl.lit(float("nan"))).write_parquet(path)
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as opened:
        found = rows(drawn(opened, "curvature-by-optimizer"))
        known = opened.sql("SELECT * FROM curvature WHERE NOT isnan(lambda_min)")
    assert len(found) == len(known) > 0
    ratio = known["lambda_min"] / known["lambda_max"]
    assert (found["curvature_ratio"] / ratio - 1).abs().max() < 1e-4


def test_an_upper_bound_is_drawn_as_one(tmp_path):
    study = write_study(tmp_path, factorial(seed=[0]), probes=20)
    path = study.results.cell(study.planned[0].id).certificate(SETTINGS)
    table = pl.read_parquet(path)
    moving = pl.lit("unconverged").alias("verdict")
    table.with_columns(moving, exact=False).write_parquet(path)
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as opened:
        found = rows(drawn(opened, "curvature-by-optimizer"))
    assert set(found["mark"]) == {"an upper bound only"}


def test_failures_are_counted_by_what_became_of_them(warehouse):
    found = rows(drawn(warehouse, "unfitted-by-optimizer"))
    counted = warehouse.sql("SELECT * FROM minima WHERE NOT fitted")
    assert found["unfitted"].sum() == counted["end_points"].sum()
    for word in ("minimum", "saddle"):
        assert found.filter(verdict=word)["unfitted"].sum() == counted[word].sum() > 0
    sums = found.group_by("optimizer", "architecture").agg(pl.col("share").sum())
    assert (sums["share"] - 1).abs().max() < 1e-9


def test_sharpness_tells_fitted_end_points_from_others(warehouse):
    found = rows(drawn(warehouse, "sharpness-by-optimizer"))
    fits = found["outcome"].is_in(["fit", "finished"])
    assert found["fitted"].to_list() == fits.to_list()
    assert 0 < fits.sum() < len(found)


def test_sharpness_draws_both_measures_of_every_end_point(warehouse):
    found = rows(drawn(warehouse, "sharpness-by-optimizer"))
    ends = warehouse.view("curvature")
    for panel, name in (("largest eigenvalue", "lambda_max"), ("trace", "trace")):
        values = found.filter(variable=panel)["value"]
        assert len(values) == len(ends)
        assert values.sum() == pytest.approx(ends[name].sum(), rel=1e-4)
