"""Where data and numbers come from: the table `datasets` and the view `runs`."""

from dataclasses import asdict, replace

import pytest
from tests.synthetic import SETTINGS, edit_document, factorial, write_study

from emc.data.equality import EqualInputs
from emc.errors import EmcError
from emc.warehouse import build, open_database


def test_data_sets_are_those_of_the_cells_with_their_manifests(warehouse):
    (row,) = warehouse.view("datasets").to_dicts()
    assert (row["dataset"], row["name"], row["prepared"]) == ("mnist-5k", "mnist-5k", True)
    assert (row["origin"], row["licence"]) == ("made up", "CC0")
    assert (row["shape"], row["classes"], row["samples"]) == ([1, 28, 28], 10, 4000)
    assert (row["duplicates"], row["conflicts"]) == (2, 1)
    assert (row["pairs"], row["conflicting_pairs"]) == (2, 1)
    assert row["files"] == ["made-up.csv d41d8cd98f00b204e9800998ecf8427e"]
    joined = warehouse.sql(
        "SELECT count(*) FROM cells JOIN datasets"
        " ON (cells.definition -> '$.dataset') = datasets.definition"
    )
    assert joined.item() == warehouse.count("cells")


def conflicts_of(folder, cells, equal, emc50):
    """expected_conflicts and conflict_bound of cells at an emc50, in the order of the cells."""
    study = write_study(folder, cells, probes=5)
    for plan in study.planned:
        changes = {"emc50": emc50, "low": emc50 / 2, "high": emc50 * 2, "saturated": False}
        edit_document(study.results.cell(plan.id).estimate, changes)
    for manifest in (folder / "data").glob("*/manifest.json"):
        edit_document(manifest, {"equal_inputs": asdict(equal)})
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as warehouse:
        rows = warehouse.sql("SELECT cell, expected_conflicts, conflict_bound FROM emc")
    found = {cell: answer for cell, *answer in rows.iter_rows()}
    return [tuple(found[plan.id]) for plan in study.planned]


EQUAL = EqualInputs(4000, duplicates=60, conflicts=21, pairs=70, conflicting_pairs=25)


def test_a_cell_says_when_conflicting_labels_bound_its_emc(tmp_path):
    labels = ["original", "random", "random-inputs", {"name": "noisy", "fraction": 0.1}]
    original, random, *others = conflicts_of(tmp_path, factorial(labels=labels), EQUAL, 700.0)
    every = replace(EQUAL, conflicting_pairs=EQUAL.pairs)
    assert original == (pytest.approx(EQUAL.expected_conflicts(700)), True)
    assert random == (pytest.approx(0.9 * every.expected_conflicts(700)), True)
    assert others == [(None, None)] * 2


@pytest.mark.parametrize(
    ("emc50", "criterion", "bound"),
    [(564.0, 1.0, False), (567.0, 1.0, True), (567.0, 0.995, False), (0.5, 1.0, False)],
)
def test_conflicts_bound_from_half_a_pair_above_the_errors_allowed(
    tmp_path, emc50, criterion, bound
):
    cells = factorial(labels=["original"], criterion=[criterion])
    ((expected, found),) = conflicts_of(tmp_path, cells, EQUAL, emc50)
    assert expected == pytest.approx(EQUAL.expected_conflicts(emc50))
    assert found is bound


def test_without_equal_inputs_nothing_is_bound(tmp_path):
    none = EqualInputs(4000, duplicates=0, conflicts=0, pairs=0, conflicting_pairs=0)
    cells = factorial(labels=["original", "random"])
    assert conflicts_of(tmp_path, cells, none, 900.0) == [(0, False)] * 2


def test_a_data_set_that_is_not_prepared_is_told(tmp_path):
    study = write_study(tmp_path, factorial(dataset=["digits", "mnist-5k"]), unmeasured=2)
    (tmp_path / "data" / "digits" / "manifest.json").unlink()
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as warehouse:
        digits, mnist = warehouse.view("datasets").to_dicts()
        bounds = warehouse.sql("SELECT * FROM emc WHERE expected_conflicts IS NOT NULL")
    assert bounds.is_empty()
    assert (digits["name"], digits["prepared"], digits["origin"]) == ("digits", False, None)
    assert mnist["prepared"]


def test_a_damaged_manifest_is_refused_by_name(tmp_path):
    study = write_study(tmp_path, factorial(seed=[0]), probes=5)
    (tmp_path / "data" / "mnist-5k" / "manifest.json").write_text("{")
    with pytest.raises(
        EmcError,
        match=r"manifest\.json: damaged.*`emc run .* remakes it",
    ):
        build(study.database, study.cells, study.results, SETTINGS)


def test_runs_say_what_ran_where_and_how_long(study, warehouse):
    runs = warehouse.view("runs")
    plan = study.planned[0]
    measured, tested, certified = runs.filter(cell=plan.id).to_dicts()
    estimate = warehouse.sql("SELECT * FROM estimates WHERE cell = $cell", cell=plan.id).to_dicts()
    assert (measured["job"], certified["job"]) == ("measure", "certify")
    assert (tested["job"], tested["items"], tested["seconds"]) == ("generalise", 2, 2.0)
    assert measured["items"] == estimate[0]["probes"]
    assert measured["seconds"] == estimate[0]["seconds"]
    assert measured["software"].startswith("emc 0.1.0")
    assert measured["protocol"] >= 1
    assert certified["items"] == 6
    assert certified["seconds"] == pytest.approx(6 * 0.3)
    counts = [warehouse.count("estimates"), warehouse.count("estimates") - 1]
    tested = warehouse.sql("SELECT DISTINCT cell FROM generalisation")
    assert len(runs) == sum(counts) + len(tested)
