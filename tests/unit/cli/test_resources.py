"""What `emc resources` learns from a made-up study, writes and says."""

import math
from pathlib import Path

import pytest
import yaml
from tests.synthetic import write_cell

from emc.cli.resources import predict_resources
from emc.measurement.expectation import expectations
from emc.measurement.experience import experience, taken
from emc.measurement.kinds import kind, work
from emc.measurement.likeness import learnt
from emc.measurement.machine import known_paces, machine
from emc.measurement.nominal import nominal_costs
from emc.measurement.resources import BESIDE, resources_of_job
from emc.measurement.state import read_estimate
from emc.records import Pace
from emc.store.layout import Results
from emc.store.paces import paces_file, write_paces
from emc.store.resources import read_resources
from emc.study import StudyPlan, load_file
from emc.study.identity import settings_id

WIDTHS = (2, 4, 8, 16, 32, 64)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of which nothing is known."""
    monkeypatch.setenv("EMC_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


def know_the_pace(study: StudyPlan) -> None:
    """A thousand samples and steps per second, a gigabyte, at any size."""
    cell = study.cells[0].cell
    pace = Pace(
        cell.parameters,
        work=work(cell),
        training=1e-3,
        together=1,
        gradients=1,
        finishing=0,
        passing=0,
        starting=0,
        megabytes=900,
    )
    write_paces(paces_file(machine("cpu")), {kind(cell, "cpu"): [pace]})


@pytest.fixture
def study(tmp_path: Path) -> StudyPlan:
    file = tmp_path / "big.yaml"
    cells = [{"architecture": {"name": "mlp", "width": width}} for width in WIDTHS]
    content = {
        "study": "big",
        "defaults": {"dataset": "mnist-5k", "labels": "random"},
        "sections": {"s": {"cells": cells}},
    }
    file.write_text(yaml.safe_dump(content))
    return load_file(file)


@pytest.fixture
def results(study: StudyPlan, tmp_path: Path) -> Results:
    """All but the last cell are done; a job takes a megabyte and a second for 10 parameters."""
    results = Results(tmp_path / "results")
    settings = settings_id(study.study.certificate)
    for planned in study.cells[:-1]:
        write_cell(results, planned.id, planned.cell)
        results.cell(planned.id).certificate(settings).write_bytes(b"rows")
        amount = planned.cell.parameters / 10
        for rule, job in (("measure", planned.id), ("certify", f"{planned.id}-{settings}")):
            note(results.benchmark(rule, job), amount)
    return results


def note(path: Path, amount: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"s\tmax_rss\n{amount}\t{amount}\n")


def asked(study: StudyPlan, results: Results, rule: str, resource: str) -> int:
    known = read_resources(results.study("big").resources)
    assert known is not None
    return resources_of_job(known, rule, resource, study.cells[-1], 1)


def test_the_next_cell_asks_for_what_the_others_foretell(
    study: StudyPlan, results: Results, capsys: pytest.CaptureFixture[str]
) -> None:
    predict_resources(study.file, results.root, runtime=None, mem_mb=None)
    amount = study.cells[-1].cell.parameters / 10
    assert asked(study, results, "certify", "mem_mb") == pytest.approx(
        BESIDE["mem_mb"] + amount, abs=2
    )
    assert asked(study, results, "certify", "runtime") == pytest.approx(
        BESIDE["runtime"] + amount / 60, abs=2
    )
    text = " ".join(capsys.readouterr().out.split())
    assert f" to {asked(study, results, 'certify', 'mem_mb')} 5 cells" in text
    assert "generalise" not in text


def test_limits_are_kept(study: StudyPlan, results: Results) -> None:
    predict_resources(study.file, results.root, runtime=12, mem_mb=1024)
    assert asked(study, results, "certify", "runtime") == 12
    assert asked(study, results, "certify", "mem_mb") == 1024


def test_a_measurement_that_was_resumed_took_all_its_runs(
    study: StudyPlan, results: Results
) -> None:
    """The note tells the last run alone, the estimate all probes."""
    for planned in study.cells:
        note(results.benchmark("measure", planned.id), 1e-9)
    predict_resources(study.file, results.root, runtime=None, mem_mb=None)
    known = read_resources(results.study("big").resources)
    assert known is not None
    answers = [read_estimate(results.cell(planned.id)) for planned in study.cells[:-1]]
    off = [math.log(one.seconds / known.expected[one.cell]["runtime"]) for one in answers]
    factor = math.exp(1.96 * math.sqrt(sum(error**2 for error in off) / 5))
    assert known.laws["measure"]["runtime"].factor == pytest.approx(factor)


@pytest.mark.parametrize("left", [0, 4])
def test_few_cells_tell_nothing(
    study: StudyPlan, results: Results, left: int, capsys: pytest.CaptureFixture[str]
) -> None:
    for planned in study.cells[left:]:
        results.cell(planned.id).estimate.unlink(missing_ok=True)
    predict_resources(study.file, results.root, runtime=None, mem_mb=None)
    assert capsys.readouterr().out.count("too few: fixed") == 4
    known = read_resources(results.study("big").resources)
    assert known is not None
    assert known.laws == {"measure": {}, "certify": {}}


def test_jobs_that_failed_tell_nothing(study: StudyPlan, results: Results) -> None:
    """Their outputs are empty files; a damaged estimate is left to the rule that remakes it."""
    settings = settings_id(study.study.certificate)
    results.cell(study.cells[0].id).certificate(settings).write_bytes(b"")
    results.cell(study.cells[1].id).estimate.write_bytes(b"{")
    predict_resources(study.file, results.root, runtime=None, mem_mb=None)
    known = read_resources(results.study("big").resources)
    assert known is not None
    assert known.laws == {"measure": {}, "certify": {}}


def test_sizes_of_certified_cells_are_those_of_their_measurements(
    study: StudyPlan, results: Results
) -> None:
    """Whether these are among the measurements that were read, or are read for the certificates."""
    done = taken(study, results)
    assert set(done) == {one.id for one in study.cells[:-1]}
    law = experience(study, results, {}, done)["certify"]["mem_mb"]
    assert law.power == pytest.approx(1)
    assert law.level == pytest.approx(math.log(1 / 10))
    assert experience(study, results, {}, {})["certify"]["mem_mb"] == law


def test_before_any_cell_has_finished_this_machines_pace_tells(
    study: StudyPlan, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    know_the_pace(study)
    predict_resources(study.file, tmp_path / "nowhere", runtime=None, mem_mb=None)
    told = capsys.readouterr().out
    assert told.count("this machine's pace") == 2
    assert told.count("too few: fixed") == 2
    known = read_resources(Results(tmp_path / "nowhere").study("big").resources)
    assert known is not None
    largest = study.cells[-1]
    expected = known.expected[largest.id]
    law = known.laws["measure"]["mem_mb"]
    assert (law.level, law.power, law.learnt_from) == (0, 1, 0)
    asked_for = resources_of_job(known, "measure", "mem_mb", largest, 1)
    assert asked_for == pytest.approx(BESIDE["mem_mb"] + expected["mem_mb"] * law.factor, abs=1)


@pytest.mark.parametrize("timed", [True, False])
def test_what_finished_cells_took_is_expected_of_those_like_them(
    study: StudyPlan, results: Results, timed: bool
) -> None:
    """Whether this machine's pace is known or not."""
    if timed:
        know_the_pace(study)
    costs = expectations(study.cells, known_paces("cpu"), "cpu") or nominal_costs(study.cells)
    took = {one.id: one.cell.parameters / 10 for one in study.cells[:-1]}
    wanted = learnt({cell: one.megabytes for cell, one in costs.items()}, took, study.cells)
    predict_resources(study.file, results.root, runtime=None, mem_mb=None)
    known = read_resources(results.study("big").resources)
    assert known is not None
    assert {cell: one["mem_mb"] for cell, one in known.expected.items()} == pytest.approx(wanted)
    law = known.laws["measure"]["mem_mb"]
    assert (law.level, law.power, law.learnt_from) == (0, 1, 5)
    most = BESIDE["mem_mb"] + wanted[study.cells[-1].id] * law.factor
    assert asked(study, results, "measure", "mem_mb") == pytest.approx(most, abs=1)
