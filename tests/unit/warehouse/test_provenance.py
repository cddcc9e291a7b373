"""Where data and numbers come from: the table `datasets` and the view `runs`."""

import pytest
from tests.synthetic import SETTINGS, factorial, write_study

from emc.errors import EmcError
from emc.warehouse import build, open_database


def test_data_sets_are_those_of_the_cells_with_their_manifests(warehouse):
    (row,) = warehouse.view("datasets").to_dicts()
    assert (row["dataset"], row["name"], row["prepared"]) == ("mnist-5k", "mnist-5k", True)
    assert (row["source"], row["licence"]) == ("made up", "CC0")
    assert (row["shape"], row["classes"], row["samples"]) == ([1, 28, 28], 10, 4000)
    assert (row["duplicates"], row["conflicts"]) == (2, 1)
    assert row["files"] == ["made-up.csv d41d8cd98f00b204e9800998ecf8427e"]
    joined = warehouse.sql(
        "SELECT count(*) FROM cells JOIN datasets"
        " ON (cells.definition -> '$.dataset') = datasets.definition"
    )
    assert joined.item() == warehouse.count("cells")


def test_a_data_set_that_is_not_prepared_is_told(tmp_path):
    study = write_study(tmp_path, factorial(dataset=["digits", "mnist-5k"]), unmeasured=2)
    (tmp_path / "data" / "digits" / "manifest.json").unlink()
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as warehouse:
        digits, mnist = warehouse.view("datasets").to_dicts()
    assert (digits["name"], digits["prepared"], digits["source"]) == ("digits", False, None)
    assert mnist["prepared"]


def test_a_damaged_manifest_is_refused_by_name(tmp_path):
    study = write_study(tmp_path, factorial(seed=[0]), probes=5)
    (tmp_path / "data" / "mnist-5k" / "manifest.json").write_text("{")
    with pytest.raises(EmcError, match=r"manifest\.json: damaged.*the rule dataset remakes it"):
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
    assert certified["seconds"] == pytest.approx(6 * 0.3 + 3 * 0.5)
    counts = [warehouse.count("estimates"), warehouse.count("estimates") - 1]
    tested = warehouse.sql("SELECT DISTINCT cell FROM generalisation")
    assert len(runs) == sum(counts) + len(tested)
