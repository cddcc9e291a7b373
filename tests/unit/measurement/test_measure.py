"""One small cell from start to end, without Snakemake."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import numpy as np
import pytest
from tests.unit.measurement.prepared import measured
from tests.unit.store.examples import probe, run

from emc.engine.persistent import Persistent
from emc.engine.persistent.launch import CardLimits
from emc.errors import FileError
from emc.measurement import job, rounds
from emc.measurement.certify import certificates_of
from emc.measurement.job import measure
from emc.measurement.measure import round_size
from emc.measurement.procedure import procedure
from emc.measurement.result import deciding
from emc.measurement.state import Status, read_estimate, state
from emc.native.unavailable import UnavailableError
from emc.records import Ended, Failure, Finish, Outcome
from emc.store.columns import PROBES
from emc.store.documents import read_document
from emc.store.endpoints import read_endpoints
from emc.store.failures import write_failure
from emc.store.journal import read_rounds
from emc.store.layout import Results
from emc.store.rows import estimate_from_document, probe_from_row
from emc.store.tables import read_table
from emc.study.cell import Cell
from emc.study.certificate import CertificateSettings
from emc.study.identity import cell_id


def cell(**changes: Any) -> Cell:
    keys = {
        "dataset": {"name": "gaussian", "dimension": 6, "samples": 60, "classes": 3},
        "labels": "random",
        "architecture": {"name": "mlp", "depth": 1, "width": 3},
        "optimizer": {"name": "adam", "lr": [0.01, 0.1]},
        "budget": {"epochs": 60},
        "finish": {"iterations": 60, "effort": 1},
        "search": {"tolerance": 0.3, "probes": 30},
    }
    return Cell.model_validate(keys | changes)


def test_a_cell_leaves_probes_an_estimate_and_its_deciding_end_points(tmp_path: Path) -> None:
    one = cell()
    files = measured(one, tmp_path).cell(cell_id(one))
    found = estimate_from_document(read_document(files.estimate, "measure"))
    table = read_table(files.probes, PROBES, "measure")
    probes = [probe_from_row(row) for row in table.iter_rows(named=True)]
    assert found.probes == len(probes) <= 30
    assert {rate.lr for rate in found.rates} == {0.01, 0.1}
    assert found.parameters == one.parameters
    kept = [probe for probe, _ in read_endpoints(files.endpoints, cell_id(one))]
    assert kept == deciding(probes, found, one.endpoints)
    assert read_rounds(files.journal) == (probes, False)
    assert state(files).status is Status.DONE


def test_results_that_are_deleted_come_back_without_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Snakemake deletes those of a job that ended while no Snakemake was there."""
    one = cell()
    results = measured(one, tmp_path)
    files = results.cell(cell_id(one))
    written = {path: path.read_bytes() for path in (files.probes, files.estimate)}
    kept = read_endpoints(files.endpoints, cell_id(one))
    monkeypatch.setattr(rounds, "probes_in_slices", None)
    for _ in range(2):
        for path in (*written, files.endpoints):
            path.unlink()
        assert state(files).status is Status.STOPPED
        measure(one, results, device="cpu", back_end=None)
        assert {path: path.read_bytes() for path in written} == written
        again = read_endpoints(files.endpoints, cell_id(one))
        for (one_probe, tensors), (first, expected) in zip(again, kept, strict=True):
            assert one_probe == first
            assert tensors.keys() == expected.keys()
            assert all(np.array_equal(tensors[name], expected[name]) for name in expected)


def test_what_another_process_left_is_used_only_if_it_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Snakemake may have deleted some of its files while the others were still to be written."""
    one = cell()
    results = measured(one, tmp_path)
    files = results.cell(cell_id(one))
    files.endpoints.unlink()
    own, answers = job._measured, iter([False])
    monkeypatch.setattr(job, "_measured", lambda *given: next(answers, None) or own(*given))
    measure(one, results, device="cpu", back_end=None)
    assert read_endpoints(files.endpoints, cell_id(one))


def test_certificates_cover_every_kept_end_point(tmp_path: Path) -> None:
    one = cell()
    results = measured(one, tmp_path)
    kept = read_endpoints(results.cell(cell_id(one)).endpoints, cell_id(one))
    found = certificates_of(one, CertificateSettings(), results, device="cpu")
    assert [(row.round, row.replica, row.n) for row in found] == [
        (probe.round, probe.replica, probe.n) for probe, _ in kept
    ]
    ends = [probe.finish or probe.run for probe, _ in kept]
    assert [row.loss for row in found] == pytest.approx([end.loss for end in ends], rel=1e-4)
    assert all(row.exact for row in found)


def test_a_net_larger_than_its_data_is_saturated(tmp_path: Path) -> None:
    one = cell(
        architecture={"name": "mlp", "depth": 1, "width": 200},
        optimizer={"name": "adam", "lr": 0.01},
        budget={"epochs": 400},
    )
    files = measured(one, tmp_path).cell(cell_id(one))
    found = estimate_from_document(read_document(files.estimate, "measure"))
    assert found.saturated
    assert found.emc50 == found.low == found.samples_available == 60


def test_missing_data_is_no_failure_of_the_cell(tmp_path: Path) -> None:
    one, results = cell(), Results(tmp_path)
    with pytest.raises(FileError, match=r"no such file; `emc run .* makes it"):
        measure(one, results, device="cpu", back_end=None)
    assert state(results.cell(cell_id(one))).status is Status.TO_DO


def test_a_failure_is_forgotten_after_a_success(tmp_path: Path) -> None:
    one, results = cell(), Results(tmp_path)
    files = results.cell(cell_id(one))
    write_failure(files.failure("measure"), Failure(cell_id(one), "measure", "odd", ()))
    assert (state(files).status, state(files).reason) == (Status.FAILED, "odd")
    measured(one, tmp_path)
    assert state(files).status is Status.DONE


def test_deciding_are_the_failures_nearest_to_emc50_and_the_largest_fits(tmp_path: Path) -> None:
    one = cell()
    files = measured(one, tmp_path).cell(cell_id(one))
    found = replace(read_estimate(files), best_lr=0.1, emc50=20.0)
    outcomes = {
        Outcome.FIT: [8, 10, 12],
        Outcome.FINISHED: [16, 14],
        Outcome.MINIMUM: [11, 15, 19, 21, 40],
        Outcome.OPEN: [17, 30],
        Outcome.DIVERGED: [20],
    }
    probes = [
        probe(0, 0, n=n, lr=lr, run=run(ended=_ENDED.get(outcome, Ended.BUDGET)), finish=finish)
        for lr in (0.1, 0.2)
        for outcome, sizes in outcomes.items()
        for finish in [None if outcome in _ENDED else replace(FINISH, outcome=outcome)]
        for n in sizes
    ]
    chosen = deciding(probes, found, 2)
    assert sorted(one.n for one in chosen) == [14, 16, 17, 19, 21, 30]
    assert {one.lr for one in chosen} == {0.1}
    undecided = deciding(probes, replace(found, emc50=None, emc50_budget=16.0), 1)
    assert sorted(one.n for one in undecided) == [15, 16, 17]


_ENDED = {Outcome.FIT: Ended.FIT, Outcome.DIVERGED: Ended.DIVERGED}
FINISH = Finish(
    outcome=Outcome.OPEN,
    test=None,
    reason="made up",
    iterations=1,
    escapes=0,
    kinks=0,
    accuracy=0.5,
    loss=0.1,
    gradient_norm=0.1,
    seconds=0.1,
)


@pytest.mark.parametrize(
    ("back_end", "device", "probes"),
    [
        ("native", "cpu", 1),
        ("sequential", "cpu", 1),
        ("vmap", "cpu", 8),
        ("compiled", "cuda", 64),
        ("vmap", "cuda", 64),
        ("sequential", "cuda", 1),
    ],
)
def test_a_round_has_as_many_probes_as_train_side_by_side(
    back_end: str, device: str, probes: int
) -> None:
    trained = procedure(cell(), (6,), 3)
    assert round_size(SimpleNamespace(name=back_end), device, trained) == probes


@pytest.mark.parametrize(("multiprocessors", "probes"), [(132, 64), (20, 40)])
def test_a_round_on_a_card_has_as_many_probes_as_it_has_blocks(
    multiprocessors: int, probes: int
) -> None:
    """64 at most."""
    limits = CardLimits(227 * 1024, 228 * 1024, multiprocessors, 0)
    machine = SimpleNamespace(limits=lambda: limits)
    assert round_size(Persistent(machine), "cuda", procedure(cell(), (6,), 3)) == probes


def test_a_round_has_what_the_next_back_end_takes_where_a_card_cannot_be_used() -> None:
    def refuse() -> NoReturn:
        raise UnavailableError("the driver does not start")

    machine = SimpleNamespace(limits=refuse)
    assert round_size(Persistent(machine), "cuda", procedure(cell(), (6,), 3)) == 64


def test_the_model_of_the_gpu_and_the_size_of_rounds_are_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "card_of", {"cpu": "NVIDIA H200"}.get)
    one = cell()
    files = measured(one, tmp_path).cell(cell_id(one))
    found = estimate_from_document(read_document(files.estimate, "measure"))
    assert (found.card, found.round_size) == ("NVIDIA H200", 1)
    table = read_table(files.probes, PROBES, "measure")
    assert set(table["card"]) == {"NVIDIA H200"}
