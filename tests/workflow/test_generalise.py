"""A study that tests its procedures on new samples."""

import json

import pytest
from tests.workflow.checkout import Checkout

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

TINY = "config/tiny.yaml"


def test_only_cells_with_original_labels_are_tested(changeable: Checkout) -> None:
    file = changeable.folder / TINY
    file.write_text(file.read_text() + "generalisation: {seeds: 2}\n")
    planned = changeable.planned(TINY)
    assert planned["generalise"] == 2
    assert "measure" not in planned
    assert "generalisation: 2 runs of 2 cells" in changeable.run("emc", "validate", TINY).stdout
    changeable.snakemake(TINY)
    assert not changeable.planned(TINY)
    assert "generalisation: 2 of 2 cells tested" in changeable.run("emc", "plan", TINY).stdout
    sql = "SELECT cell, seed, gap, train_accuracy - test_accuracy AS found FROM generalisation"
    rows = json.loads(changeable.run("emc", "query", TINY, sql, "--json").stdout)
    assert sorted(row["seed"] for row in rows) == [0, 0, 1, 1]
    assert all(row["gap"] == pytest.approx(row["found"]) for row in rows)
