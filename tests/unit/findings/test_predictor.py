"""Whether the label gap predicts generalisation, in studies where it does and does not."""

import polars as pl
import pytest
from tests.synthetic import (
    GENERALISATION_SEEDS,
    SETTINGS,
    around,
    edit_document,
    factorial,
    write_generalisation,
    write_study,
)
from tests.unit.findings.answers import NETS, UNBOUNDED

from emc.findings import ClaimVerdict, judge, label_gap_association, predictions, write_findings
from emc.store.columns import GENERALISATION
from emc.store.tables import read_table, write_table
from emc.warehouse import build, open_database


def test_the_label_gap_predicts_where_it_was_made_to(warehouse):
    found = {made.claim.name: made for made in judge(warehouse)}
    made = found["label-gap-predicts-generalisation"]
    assert made.verdict is ClaimVerdict.SUPPORTED
    assert made.statistics.measure == "correlation"
    assert made.statistics.effect < -0.8
    groups = {one.group: one for one in predictions(label_gap_association(warehouse))}
    assert {"all architectures", "mlp", "cnn"} >= {"all architectures", "mlp"}
    assert groups["mlp"].pearson < -0.8
    assert not groups["mlp"].breaks_down
    assert groups["mlp"].kendall_interval[0] <= groups["mlp"].kendall < 0


def test_a_gap_that_labels_do_not_tell_breaks_the_prediction_down(tmp_path):
    cells = factorial(activation=["relu", "tanh"], architecture=NETS, labels=["original", "random"])
    study = write_study(tmp_path, cells, probes=5)
    write_generalisation(study)
    build(study.database, study.cells, study.results, SETTINGS, seeds=GENERALISATION_SEEDS)
    with open_database(study.database) as warehouse:
        ordered = warehouse.sql("SELECT original FROM label_gap ORDER BY ratio")["original"]
    for place, cell in enumerate(ordered):
        path = study.results.cell(cell).generalisation(GENERALISATION_SEEDS)
        gap = 0.1 * abs(place - (len(ordered) - 1) / 2)  # as large for small ratios as for large
        rows = read_table(path, GENERALISATION, "-").with_columns(gap=pl.lit(gap))
        write_table(path, GENERALISATION, rows.to_dicts())
    build(study.database, study.cells, study.results, SETTINGS, seeds=GENERALISATION_SEEDS)
    with open_database(study.database) as warehouse:
        groups = predictions(label_gap_association(warehouse))
        write_findings(warehouse, tmp_path / "f.parquet", tmp_path / "f.md")
    assert groups[0].group == "mlp"
    assert groups[0].breaks_down
    assert "| breaks down |" in (tmp_path / "f.md").read_text()


@pytest.mark.parametrize("edit", [{"open_matters": True}, {"emc50": None, "open_matters": True}])
def test_label_gaps_that_open_runs_could_move_predict_nothing_and_are_counted(tmp_path, edit):
    cells = factorial(activation=["relu", "tanh"], labels=["original", "random"])
    study = write_study(tmp_path, cells, probes=5)
    write_generalisation(study)
    for plan in study.planned:
        seen = around(20.0) | UNBOUNDED | {"open_matters": False}
        if plan.cell.activation == "tanh" and plan.cell.labels.name == "random":
            seen |= edit
        edit_document(study.results.cell(plan.id).estimate, seen)
    build(study.database, study.cells, study.results, SETTINGS, seeds=GENERALISATION_SEEDS)
    with open_database(study.database) as warehouse:
        found = label_gap_association(warehouse)
        pairs = warehouse.view("label_gap")
    matters = dict(pairs.select("activation", "open_matters").iter_rows())
    assert matters == {"relu": False, "tanh": True}
    relu = len(pairs.filter(activation="relu"))
    assert (found.pairs, found.unknown) == (relu, len(pairs) - relu)
