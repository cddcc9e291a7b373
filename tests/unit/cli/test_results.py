"""The answers of a study in one table."""

from pathlib import Path
from typing import Any

import pytest
from tests.synthetic import edit_document, write_cell, write_dataset

from emc.cli.results import print_results
from emc.cli.show import print_cell
from emc.errors import EmcError
from emc.records import Failure
from emc.store.failures import write_failure
from emc.store.layout import Results
from emc.study import StudyPlan, load_file


@pytest.fixture
def study(tmp_path: Path) -> StudyPlan:
    file = tmp_path / "s.yaml"
    file.write_text(
        "study: s\ndefaults: {dataset: mnist-5k, labels: random}\nsections: {a: {grid: {"
        "architecture: [{name: mlp, width: 2}, {name: mlp, width: 4}], seed: [0, 1, 2]}}}"
    )
    return load_file(file)


@pytest.fixture
def results(study: StudyPlan) -> Results:
    """Four cells that finished, one that failed, and one that is not measured."""
    results = Results(study.file.parent / "results")
    write_dataset(results, study.cells[0].cell.dataset)
    for planned in study.cells[:4]:
        write_cell(results, planned.id, planned.cell)
    failed = results.cell(study.cells[4].id)
    write_failure(failed.failure("measure"), Failure(study.cells[4].id, "measure", "a reason", ()))
    exact = {"emc50": 1234.4, "low": 1180.0, "high": 1290.0, "emc50_budget": 98.76}
    budget = {"low_budget": 90.0, "high_budget": 110.0, "parameters": 1234}
    edit_document(results.cell(study.cells[0].id).estimate, exact | budget)
    bounds: list[dict[str, Any]] = [
        {"emc50": 4000.0, "low": 3900.0, "high": None, "saturated": True},
        {"emc50": 3.21, "low": None, "high": 3.21, "below_smallest": True},
        {"emc50": None, "low": None, "high": None, "open_matters": True},
    ]
    for planned, bound in zip(study.cells[1:], bounds, strict=False):
        edit_document(results.cell(planned.id).estimate, bound)
    return results


def test_each_cell_is_a_line_of_at_most_80_columns(
    study: StudyPlan, results: Results, capsys: pytest.CaptureFixture[str]
) -> None:
    print_results(study.file, results.root)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0] == "s: 4 of 6 cells measured"
    assert lines[1].split() == ["cell", "params", "EMC", "95", "%", "per", "budget"]
    cells = [line.split() for line in lines[2:-4]]
    assert cells[0][1:] == ["1,234", "1,230", "1,180", "to", "1,290", "1", "98.8"]
    assert cells[1][2:6] == [">4,000", "3,900", "to", "-"]
    assert cells[2][2:6] == ["<3.21", "-", "to", "3.21"]
    assert (cells[3][2], cells[3][-1]) == ("-", "?")
    assert [row[1] for row in cells[4:]] == ["failed", "to"]


def test_the_names_of_cells_are_those_that_emc_show_takes(
    study: StudyPlan, results: Results, capsys: pytest.CaptureFixture[str]
) -> None:
    print_results(study.file, results.root)
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()[2:6]]
    assert all(name.startswith("mnist-5k-random-mlp") for name in names)
    for name, planned in zip(names, study.cells, strict=False):
        print_cell(name, results.root)
        assert capsys.readouterr().out.startswith(planned.id)


def test_nothing_was_measured_yet(study: StudyPlan, tmp_path: Path) -> None:
    with pytest.raises(EmcError, match="nowhere: no such folder: nothing was measured here"):
        print_results(study.file, tmp_path / "nowhere")
