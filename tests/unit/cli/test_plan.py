"""What `emc plan` says of a made-up study."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from tests.synthetic import edit_document, write_cell, write_dataset

from emc.cli.plan import print_plan
from emc.cli.validate import print_summary
from emc.data.lookup import Lookup
from emc.errors import EmcError
from emc.measurement import calibrate
from emc.measurement.expectation import expectations
from emc.measurement.kinds import kind, work
from emc.measurement.machine import known_paces, machine
from emc.measurement.timing import TimedCell
from emc.records import Ended, Failure, Pace
from emc.store.columns import PROBES
from emc.store.failures import write_failure
from emc.store.journal import Journal
from emc.store.layout import OF_RUNS, Results
from emc.store.paces import paces_file, write_paces
from emc.store.rows import probe_from_row
from emc.store.tables import read_table
from emc.study import Cell, StudyPlan, load_file
from emc.study.identity import settings_id

CELLS = [{"architecture": {"name": "mlp", "width": width}} for width in (2, 4, 8, 16)]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of which nothing is known."""
    monkeypatch.setenv("EMC_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


@pytest.fixture
def study(tmp_path: Path) -> StudyPlan:
    file = tmp_path / "plan.yaml"
    content = {
        "study": "plan",
        "defaults": {"dataset": "mnist-5k", "labels": "random"},
        "sections": {"s": {"cells": CELLS}},
    }
    file.write_text(yaml.safe_dump(content))
    return load_file(file)


def on_new_samples(study: StudyPlan, seeds: int) -> StudyPlan:
    """The study of the same cells with the labels of the data set: none of them is measured."""
    content = yaml.safe_load(study.file.read_text())
    content["defaults"]["labels"] = "original"
    content["generalisation"] = {"seeds": seeds}
    study.file.write_text(yaml.safe_dump(content))
    return load_file(study.file)


@pytest.fixture
def results(study: StudyPlan, tmp_path: Path) -> Results:
    """The first three cells are done."""
    results = Results(tmp_path / "results")
    for planned in study.cells[:3]:
        write_cell(results, planned.id, planned.cell)
    return results


def said(
    study: StudyPlan,
    results: Results,
    capsys: pytest.CaptureFixture[str],
    watts: float | None = None,
) -> str:
    print_plan(study.file, results.root, watts)
    return " ".join(capsys.readouterr().out.split())


def note_memory(results: Results, cell: str, megabytes: float) -> None:
    path = results.benchmark("measure", cell)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"s\tmax_rss\n1.0\t{megabytes}\n")


@pytest.mark.parametrize("watts", [math.inf, math.nan])
def test_an_endless_power_is_refused(study: StudyPlan, results: Results, watts: float) -> None:
    with pytest.raises(EmcError, match=f"--watts: expected a finite power, found {watts}"):
        print_plan(study.file, results.root, watts)


def test_hours_memory_and_energy_of_what_is_left(
    study: StudyPlan, results: Results, capsys: pytest.CaptureFixture[str]
) -> None:
    for planned in study.cells[:3]:
        note_memory(results, planned.id, 512.0)
    text = said(study, results, capsys, watts=100.0)
    assert "3 done, 1 to do" in text
    assert "kWh at 100 W for 1 cell," in text
    assert 512 <= float(text.split("memory: about ")[1].split()[0]) < 530
    assert "from 3 cells that finished;" in text
    assert "each predicted from the others is off by" in text


def test_what_is_foretold_of_jobs_that_share_a_card_is_told(
    study: StudyPlan,
    results: Results,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert "EMC_GPU_CELLS_PER_JOB" not in said(study, results, capsys)
    monkeypatch.setenv("EMC_GPU_CELLS_PER_JOB", "8")
    text = said(study, results, capsys)
    assert (
        "EMC_GPU_CELLS_PER_JOB=8: time and memory are foretold, here and to a cluster, of" in text
    )
    assert "a job on a card that trains up to 8 holds the memory of all of them" in text
    monkeypatch.setenv("EMC_GPU_CELLS_PER_JOB", "0")
    with pytest.raises(EmcError, match=r"EMC_GPU_CELLS_PER_JOB: expected a .*number.*, found '0'"):
        said(study, results, capsys)


def test_one_finished_cell_tells_no_error(
    study: StudyPlan, results: Results, capsys: pytest.CaptureFixture[str]
) -> None:
    for planned in study.cells[1:3]:
        results.cell(planned.id).estimate.unlink()
    text = said(study, results, capsys)
    assert "from 1 cell that finished;" in text
    assert "finished; too few have finished to tell how far off this is" in text
    assert "factor" not in text
    assert "memory" not in text
    assert "kWh" not in text


def test_a_finished_cell_says_what_makes_its_number_doubtful(
    study: StudyPlan, results: Results, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = "SAM minimises something else"
    nothing = {"emc50": None, "low": None, "high": None, "finish_refused": refused}
    edit_document(results.cell(study.cells[0].id).estimate, nothing)
    edit_document(results.cell(study.cells[1].id).estimate, {"rate_at_edge": "highest"})
    text = said(study, results, capsys)
    assert "done EMC at minima open [no end, no end], within the budget" in text
    assert f"samples; no finish: {refused}" in text
    assert "samples; the best learning rate, 0.1, is the highest of its grid" in text
    assert "there is no number at minima" not in text


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"cell": "a"}', b'{"colour": "red", "rates": []}']
)
def test_a_damaged_estimate_is_not_done(
    study: StudyPlan, results: Results, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    results.cell(study.cells[0].id).estimate.write_bytes(content)
    assert "2 done, 1 damaged, 1 to do" in said(study, results, capsys)


def test_a_journal_that_cannot_be_read_is_damage_of_its_cell_alone(
    study: StudyPlan, results: Results, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = results.cell(study.cells[3].id).journal
    journal.mkdir(parents=True)
    text = said(study, results, capsys)
    assert "3 done, 1 damaged" in text
    assert f"damaged {journal}: the journal cannot be read: Is a directory" in text


def test_a_measurement_that_met_the_end_of_its_data_is_told_as_a_lower_bound(
    study: StudyPlan, results: Results, capsys: pytest.CaptureFixture[str]
) -> None:
    stopped = study.cells[3]
    facts = stopped.cell.dataset.facts
    assert facts is not None
    assert facts.samples is not None
    samples = facts.samples
    write_dataset(results, stopped.cell.dataset)
    table = read_table(results.cell(study.cells[0].id).probes, PROBES, "measure")
    fits = [
        replace(
            one,
            cell=stopped.id,
            round=0,
            n=samples,
            finish=None,
            run=replace(one.run, ended=Ended.FIT),
        )
        for one in map(probe_from_row, table.to_dicts())
    ]
    journal = Journal(results.cell(stopped.id).journal, stopped.id)
    journal.append(fits, [{} for _ in fits])
    journal.close()
    assert f"{len(fits)} probes, emc50 at least {samples:.4g} " in said(study, results, capsys)


def test_a_failed_cell_has_its_reason(
    study: StudyPlan, results: Results, capsys: pytest.CaptureFixture[str]
) -> None:
    cell = study.cells[3].id
    outputs = ("estimate.json",)
    write_failure(results.cell(cell).failure("measure"), Failure(cell, "measure", "odd", outputs))
    text = said(study, results, capsys)
    assert "failed odd" in text
    assert "3 done, 1 failed" in text
    assert (
        f"failed: measure of 1 cell; not tried again until `emc retry {study.file} --all`" in text
    )
    assert text.endswith("nothing left to measure")


def test_a_damaged_failure_is_named_and_the_rest_is_shown(
    study: StudyPlan, results: Results, capsys: pytest.CaptureFixture[str]
) -> None:
    document = results.cell(study.cells[3].id).failure("measure")
    document.parent.mkdir()
    document.write_text("{")
    text = said(study, results, capsys)
    assert "failure-measure.json: damaged (" in text
    assert f"`emc retry STUDY {study.cells[3].id}` clears it" in text
    assert "3 done, 1 failed" in text


@pytest.mark.parametrize("stage", ["certify", "generalise"])
def test_a_failure_after_the_measurement_is_told(
    study: StudyPlan, results: Results, stage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    study = on_new_samples(study, seeds=2)
    cell = study.cells[1].id
    write_cell(results, cell, study.cells[1].cell)
    settings = settings_id(study.study.certificate)
    name = f"certify-{settings}" if stage == "certify" else "generalise-2"
    write_failure(results.cell(cell).failure(name), Failure(cell, stage, "[odd]", ()))
    text = said(study, results, capsys)
    assert f"state so far {cell}" in text
    assert f"done, {stage} failed EMC at minima" in text
    assert "samples; [odd]" in text
    assert "1 done, 3 to do" in text
    assert f"failed: {stage} of 1 cell; not tried again" in text


@pytest.mark.parametrize("name", ["certify-00000000", "generalise-3"])
def test_a_failure_of_other_settings_is_not_this_studys(
    study: StudyPlan, results: Results, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    cell = study.cells[1].id
    failure = Failure(cell, name.partition("-")[0], "odd", ())
    write_failure(results.cell(cell).failure(name), failure)
    assert "failed" not in said(study, results, capsys)


def test_an_empty_table_of_runs_is_not_counted(
    study: StudyPlan, results: Results, capsys: pytest.CaptureFixture[str]
) -> None:
    study = on_new_samples(study, seeds=1)
    print_summary(study, Lookup(OF_RUNS))
    assert "generalisation: 1 run of 4 cells" in capsys.readouterr().out
    output = results.cell(study.cells[0].id).generalisation(1)
    output.parent.mkdir(parents=True)
    output.touch()
    assert "generalisation: 0 of 4 cells tested, 1 run each" in said(study, results, capsys)


def test_a_line_without_a_terminal_is_whole(
    study: StudyPlan, results: Results, capsys: pytest.CaptureFixture[str]
) -> None:
    cell = study.cells[3].id
    reason = "too long for a terminal " * 20
    write_failure(results.cell(cell).failure("measure"), Failure(cell, "measure", reason, ()))
    print_plan(study.file, results.root)
    (line,) = [line for line in capsys.readouterr().out.splitlines() if cell in line]
    assert reason.strip() in line


def test_a_folder_that_is_not_there_is_told(
    study: StudyPlan, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = Results(tmp_path / "nowhere")
    text = said(study, nowhere, capsys)
    assert f"{nowhere.root}: no such folder yet" in text
    assert "4 to do cost: unknown until a first cell has finished, or --calibrate" in text


def test_calibrating_tells_the_cost_before_anything_is_measured(
    study: StudyPlan,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def tried(cells: list[Cell], device: str) -> Iterator[TimedCell]:
        assert device == "cpu"
        yield from (
            TimedCell(Pace(one.parameters, work(one), 1e-3, 1.0, 0.0, 0.0, 10.0, 900))
            for one in cells
        )

    monkeypatch.setattr(calibrate, "time_cells", tried)
    nowhere = tmp_path / "nowhere"
    print_plan(study.file, nowhere, calibrate=True)
    told = capsys.readouterr()
    assert "timed 1 of 2 nets\ntimed 2 of 2 nets\n" in told.err
    expected = expectations(study.cells, known_paces("cpu"), "cpu")
    days = sum(one.seconds for one in expected.values()) / 86400
    assert f"cost: about {days:.1f} days of training on one worker" in told.out
    assert (
        "from this machine's pace in short timing runs; a cell may be off by a factor of 4"
        in told.out
    )
    again = said(study, Results(nowhere), capsys)
    assert "memory: about 915 MB for the largest (as in short timing runs)" in again
    assert "days of training" in again


def test_cells_like_which_nothing_was_timed_are_told(
    study: StudyPlan, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nets that kernels train tell nothing of one that torch trains, nor of data not yet seen."""
    content = yaml.safe_load(study.file.read_text())
    unseen = {"name": "image-folder", "folder": str(tmp_path)}
    others = [CELLS[0] | {"optimizer": "shampoo"}, CELLS[0] | {"dataset": unseen}]
    content["sections"]["s"]["cells"] = [CELLS[0], *others]
    study.file.write_text(yaml.safe_dump(content))
    one = load_file(study.file).cells[0].cell
    timed = Pace(one.parameters, work(one), 1e-3, 1.0, 0.0, 0.0, 10.0, 900)
    write_paces(paces_file(machine("cpu")), {kind(one, "cpu"): [timed]})
    told = said(study, Results(tmp_path / "nowhere"), capsys)
    other = "taken for the median of the others"
    assert f"nothing like 1 cell was timed (--calibrate does): {other}" in told
    assert f"of 1 cell the data are not known yet: {other}" in told


def test_a_cell_that_cannot_be_tried_is_told(
    study: StudyPlan,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    refused = TimedCell(None, "no such net")
    monkeypatch.setattr(calibrate, "time_cells", lambda cells, _: [refused for _ in cells])
    print_plan(study.file, tmp_path / "nowhere", calibrate=True)
    told = capsys.readouterr()
    assert "a cell could not be timed: no such net\n" in told.err
    assert "cost: unknown until a net could be timed" in told.out


def test_data_that_cannot_be_read_are_told(
    study: StudyPlan, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is wrong with the file, once, and that nothing can be expected; not another cause."""
    table = tmp_path / "t.csv"
    table.write_text("a,b,y\n1,2,0\n2,3,1\n")
    content = yaml.safe_load(study.file.read_text())
    content["defaults"]["dataset"] = {"name": "csv", "file": str(table), "label": "z"}
    study.file.write_text(yaml.safe_dump(content))
    print_plan(study.file, tmp_path / "nowhere", calibrate=True)
    told = " ".join(capsys.readouterr().out.split())
    wrong = f"{study.file}: section 's': dataset: {table}: no column 'z' (columns: a, b, y)"
    assert told.count(wrong) == 1
    assert "cost: unknown until the data can be read" in told


def test_one_cell_is_one_cell(study: StudyPlan, capsys: pytest.CaptureFixture[str]) -> None:
    content = yaml.safe_load(study.file.read_text())
    content["sections"]["s"]["cells"] = CELLS[:1]
    study.file.write_text(yaml.safe_dump(content))
    print_summary(load_file(study.file), Lookup(OF_RUNS))
    assert "is valid: 1 cell (by section: s 1)" in capsys.readouterr().out
