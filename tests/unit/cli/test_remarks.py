"""What is said of a cell's number, held against the study's database."""

from dataclasses import asdict
from pathlib import Path

import pytest
from tests.synthetic import SETTINGS, edit_document, factorial, write_study

from emc.cli.remarks import remarks
from emc.data.equality import EqualInputs
from emc.measurement.state import read_estimate
from emc.records import Failure
from emc.store.failures import write_failure
from emc.store.layout import data_failure
from emc.warehouse import build, open_database

EQUAL = EqualInputs(4000, duplicates=60, conflicts=21, pairs=70, conflicting_pairs=25)


@pytest.mark.parametrize("emc50", [564.0, 567.0, 700.0])
def test_conflicts_are_told_of_the_cells_that_they_bound(tmp_path: Path, emc50: float) -> None:
    labels: list[object] = ["original", "random", "random-inputs"]
    study = write_study(tmp_path, factorial(labels=labels), probes=5)
    (manifest,) = (tmp_path / "data").glob("*/manifest.json")
    edit_document(manifest, {"equal_inputs": asdict(EQUAL)})
    changes = {"emc50": emc50, "low": emc50 / 2, "high": emc50 * 2, "saturated": False}
    for planned in study.planned:
        edit_document(study.results.cell(planned.id).estimate, changes)
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as warehouse:
        rows = warehouse.sql("SELECT cell, expected_conflicts, conflict_bound FROM emc").rows()
    for cell, expected, bound in rows:
        told = "".join(remarks(read_estimate(study.results.cell(cell)), study.results))
        assert bool(told) is bool(bound)
        if bound:
            assert told.startswith(
                f"{emc50:g} samples have on average {expected:.3g} pairs of equal"
            )


def test_of_data_that_are_not_there_nothing_is_said(tmp_path: Path) -> None:
    study = write_study(tmp_path, factorial(labels=["original"]), probes=5)
    (manifest,) = (tmp_path / "data").glob("*/manifest.json")
    found = read_estimate(study.results.cell(study.planned[0].id))
    place = data_failure(manifest.parent)
    write_failure(place, Failure(manifest.parent.name, "dataset", "it was moved", ()))
    assert list(remarks(found, study.results)) == []
    place.unlink()
    manifest.unlink()
    assert list(remarks(found, study.results)) == []
