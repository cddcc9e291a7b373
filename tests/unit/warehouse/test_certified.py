"""EMC without failures at no minimum, against the search's own answer to the remaining probes."""

import polars as pl
import pytest
from tests.synthetic import SETTINGS, edit_document, factorial, write_study

from emc.search import Trial, make
from emc.store.columns import CERTIFICATES, PROBES
from emc.store.tables import read_table, write_table
from emc.warehouse import build, open_database


@pytest.fixture
def study(tmp_path):
    return write_study(tmp_path, factorial(seed=[0]), probes=64)


def answered(study, change):
    """The row of the only cell after its certificates were changed."""
    path = study.results.cell(study.planned[0].id).certificate(SETTINGS)
    rows = change(read_table(path, CERTIFICATES, "-"))
    write_table(path, CERTIFICATES, rows.to_dicts())
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as opened:
        return opened.view("emc").row(0, named=True), rows


def unpolished(rows, verdict):
    """Certificates of one verdict without a polish."""
    columns = [name for name in rows.columns if name.startswith("polish_")]
    empty = [pl.lit(None, rows.schema[name]).alias(name) for name in columns]
    return rows.with_columns(pl.lit(verdict).alias("verdict"), *empty)


@pytest.mark.parametrize("verdict", ["minimum", "inconclusive"])
def test_failures_that_count_change_nothing(study, verdict):
    row, _ = answered(study, lambda rows: unpolished(rows, verdict))
    assert row["failures_left_out"] == 0
    certified = (row["emc50_certified"], row["low_certified"], row["high_certified"])
    assert certified == (row["emc50"], row["low"], row["high"])


@pytest.mark.parametrize("verdict", ["saddle", "unconverged"])
def test_failures_at_no_minimum_are_left_out(study, verdict):
    row, certificates = answered(study, lambda rows: unpolished(rows, verdict))
    failures = certificates.filter(pl.col("outcome") != "fit")
    assert row["failures_left_out"] == len(failures) == 3
    wanted = without(study, failures)
    half = (wanted.high - wanted.low) / 2
    assert abs(row["emc50_certified"] - wanted.emc50) < 0.35 * half
    assert 0.6 < (row["high_certified"] - row["low_certified"]) / (2 * half) < 1.7
    assert not row["certified_saturated"]


def without(study, left_out):
    """What the search says of the probes at the best rate less those."""
    plan = study.planned[0]
    rate = plan.cell.optimizer.lr[len(plan.cell.optimizer.lr) // 2]
    probes = read_table(study.results.cell(plan.id).probes, PROBES, "-").filter(
        pl.col("lr") == rate
    )
    kept = probes.join(left_out, on=["round", "replica"], how="anti")
    method = make(
        "bayes",
        smallest=plan.cell.search.smallest,
        largest=plan.cell.dataset.facts.samples,
        rates=(rate,),
        tolerance=0.05,
        probes=200,
        round_size=1,
    )
    pairs = zip(kept["n"], kept["outcome"] == "fit", strict=True)
    return method.answer([Trial(n, rate, fit, fit) for n, fit in pairs])


def test_an_unfinished_run_is_left_out_whatever_its_end_point_looks_like(study):
    def unfinished(rows):
        failed = pl.col("outcome") != "fit"
        fits = pl.when(failed).then(statement=True).otherwise(None)
        return rows.with_columns(
            verdict=pl.lit("minimum"), polish_fits=fits, polish_verdict=pl.lit(None, pl.String)
        )

    row, _ = answered(study, unfinished)
    assert row["failures_left_out"] == row["failures_unfinished"] == 3
    assert row["failures_certified"] == 0


def test_without_any_failure_emc_is_the_largest_n_tried(study):
    path = study.results.cell(study.planned[0].id).probes
    rates = study.planned[0].cell.optimizer.lr
    probes = read_table(path, PROBES, "-").filter(pl.col("lr") == rates[len(rates) // 2])
    failed = probes.filter(pl.col("outcome").is_in(["finished", "minimum", "open"])).head(3)
    kept = pl.concat([probes.filter(pl.col("outcome") == "fit"), failed])
    estimate = study.results.cell(study.planned[0].id).estimate
    edit_document(estimate, {"probes": len(kept), "best_lr": failed["lr"][0]})
    write_table(path, PROBES, kept.with_columns(lr=failed["lr"][0]).to_dicts())
    row, _ = answered(study, lambda rows: unpolished(rows, "saddle"))
    assert row["failures_in_all"] == row["failures_left_out"] == 3
    assert row["certified_saturated"]
    assert row["emc50_certified"] == pytest.approx(kept["n"].max())
    assert row["low_certified"] <= row["emc50_certified"]
    assert row["high_certified"] is None


def test_a_lower_bound_without_failures_to_leave_out_stays_one(study):
    estimate = study.results.cell(study.planned[0].id).estimate
    edit_document(estimate, {"saturated": True})
    row, _ = answered(study, lambda rows: unpolished(rows, "minimum"))
    assert row["failures_left_out"] == 0
    assert row["certified_saturated"]
    assert (row["emc50_certified"], row["low_certified"]) == (row["emc50"], row["low"])
    assert row["high_certified"] is None


def test_a_cell_without_certificates_has_no_certified_emc(tmp_path):
    study = write_study(tmp_path, factorial(seed=[0]), uncertified=1)
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as opened:
        assert opened.view("emc")["emc50_certified"].to_list() == [None]
        assert opened.view("emc_certified").is_empty()
