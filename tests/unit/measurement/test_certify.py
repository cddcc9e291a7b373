"""Certificates of a measured cell: unfitted probes are finished, bad end points change nothing."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from emc.data.prepare import prepare
from emc.errors import FileError
from emc.measurement.certify import certificates_of, certify
from emc.measurement.job import measure
from emc.records import Failure, Outcome
from emc.store.columns import CERTIFICATES
from emc.store.endpoints import read_endpoints, write_endpoints
from emc.store.failures import write_failure
from emc.store.layout import Results
from emc.store.tables import read_table
from emc.study.cell import Cell
from emc.study.certificate import CertificateSettings
from emc.study.identity import cell_id, dataset_id

CELL = Cell.model_validate(
    {
        "dataset": {"name": "gaussian", "dimension": 6, "samples": 60, "classes": 3},
        "labels": "random",
        "architecture": {"name": "mlp", "depth": 1, "width": 3},
        "activation": "tanh",
        "optimizer": {"name": "adam", "lr": [0.01]},
        "budget": {"epochs": 60},
        "finish": {"iterations": 500},
        "search": {"tolerance": 0.3, "probes": 30},
    }
)
ID = cell_id(CELL)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Results:
    results = Results(tmp_path_factory.mktemp("measured"))
    prepare(CELL.dataset, results.data(dataset_id(CELL.dataset)), None)
    measure(CELL, results, device="cpu", back_end=None)
    return results


@pytest.fixture
def results(measured: Results, tmp_path: Path) -> Results:
    shutil.copytree(measured.root, tmp_path / "results")
    return Results(tmp_path / "results")


def test_finished_end_points_are_certified_where_the_finish_left_them(measured: Results) -> None:
    kept = read_endpoints(measured.cell(ID).endpoints, ID)
    found = certificates_of(CELL, CertificateSettings(), measured, device="cpu")
    minima = [
        (row, probe.finish)
        for row, (probe, _) in zip(found, kept, strict=True)
        if probe.finish and probe.outcome is Outcome.MINIMUM
    ]
    assert minima
    for row, finish in minima:
        assert row.loss == pytest.approx(finish.loss, rel=1e-9)
        assert row.gradient_norm <= CELL.finish.gradient
        assert row.plateau != row.plateau  # left out: the finish has no epochs


def test_the_spectrum_adds_up(measured: Results) -> None:
    for row in certificates_of(CELL, CertificateSettings(), measured, device="cpu"):
        assert row.exact
        assert sum(row.spectrum_shares) == pytest.approx(1)
        mean = np.dot(row.spectrum_values, row.spectrum_shares)
        assert mean * CELL.parameters == pytest.approx(row.trace, rel=1e-9)


def test_rows_are_written_and_threads_change_nothing(results: Results, tmp_path: Path) -> None:
    one, two = tmp_path / "one.parquet", tmp_path / "two.parquet"
    certify(CELL, CertificateSettings(), results, one)
    certify(CELL, CertificateSettings(), results, two, threads=2)
    first, second = (read_table(path, CERTIFICATES, "certify") for path in (one, two))
    assert first["verdict"].equals(second["verdict"])
    assert first["lambda_max"].to_list() == pytest.approx(second["lambda_max"].to_list())


def test_a_certified_cell_has_no_journal(results: Results, tmp_path: Path) -> None:
    """Its measurement's outputs are known to Snakemake, or it would not have been certified."""
    files = results.cell(ID)
    assert files.journal.exists()
    for path in (tmp_path / "one.parquet", tmp_path / "two.parquet"):
        certify(CELL, CertificateSettings(), results, path)
        assert not files.journal.exists()


@pytest.mark.parametrize("damaged", ["endpoints", "measurement"])
def test_a_cell_that_is_not_certified_keeps_its_journal(
    damaged: str, results: Results, tmp_path: Path
) -> None:
    files = results.cell(ID)
    if damaged == "endpoints":
        files.endpoints.write_bytes(b"")
        with pytest.raises(FileError, match=r"end points of .* are damaged"):
            certify(CELL, CertificateSettings(), results, tmp_path / "one.parquet")
    else:
        failure = Failure(ID, "measure", "odd", ("estimate.json",))
        write_failure(files.failure("measure"), failure)
        certify(CELL, CertificateSettings(), results, tmp_path / "one.parquet")
    assert files.journal.exists()


Parameters = Mapping[str, np.ndarray]


def wider(parameters: Parameters) -> Parameters:
    return {**parameters, "0.weight": np.zeros((4, 6), np.float32)}


def nameless(parameters: Parameters) -> Parameters:
    return {f"net.{name}": value for name, value in parameters.items()}


def broken(parameters: Parameters) -> Parameters:
    weight = parameters["0.weight"].copy()
    weight[0, 0] = np.nan
    return {**parameters, "0.weight": weight}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (wider, r"is not one of the net: '0.weight': expected the shape \(3, 6\), found \(4, 6\)"),
        (nameless, r"is not one of the net: expected '0.weight'"),
        (broken, r"is not finite: 1 of 18 in '0.weight'"),
    ],
)
def test_foreign_end_points_are_told_and_nothing_is_overwritten(
    change: Callable[[Parameters], Parameters], said: str, results: Results
) -> None:
    files = results.cell(ID)
    kept = read_endpoints(files.endpoints, ID)
    write_endpoints(files.endpoints, [(probe, dict(change(weights))) for probe, weights in kept])
    refused(results, rf"{ID}: the end point {said}")


@pytest.mark.parametrize("cut", [0, 9, 200, -1])
def test_a_truncated_file_is_told_and_nothing_is_overwritten(cut: int, results: Results) -> None:
    path = results.cell(ID).endpoints
    path.write_bytes(path.read_bytes()[:cut])
    refused(results, rf"end points of {ID} are damaged")


def test_an_altered_file_is_told_and_nothing_is_overwritten(results: Results) -> None:
    path = results.cell(ID).endpoints
    content = bytearray(path.read_bytes())
    content[-3] ^= 64
    path.write_bytes(content)
    refused(results, rf"end points of {ID} are damaged")


def refused(results: Results, said: str) -> None:
    """The error names the file; neither it nor an earlier table is touched."""
    output = results.root / "certificates.parquet"
    output.write_text("earlier")
    path = results.cell(ID).endpoints
    before = path.read_bytes()
    with pytest.raises(FileError, match=rf"^{path}: .*{said}"):
        certify(CELL, CertificateSettings(), results, output)
    assert output.read_text() == "earlier"
    assert path.read_bytes() == before
    assert not results.cell(ID).failure("certify").exists()
