"""Records as rows and documents: nothing is lost on the way through a file."""

import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.store.examples import certificates, estimates, probes

from emc.records import Certificate, Estimate, Outcome, Probe
from emc.records.column import from_row, row
from emc.store.columns import CERTIFICATES, ESTIMATES, PROBES, RATES
from emc.store.documents import read_document, write_document
from emc.store.layout import REMADE_BY
from emc.store.rows import (
    certificate_row,
    estimate_document,
    estimate_from_document,
    probe_from_row,
    probe_row,
)
from emc.store.tables import frame, read_table, write_table


@given(probes)
def test_a_probe_comes_back_from_its_row(probe: Probe) -> None:
    assert probe_from_row(probe_row(probe)) == probe


@given(probes)
def test_a_probe_comes_back_from_json(probe: Probe) -> None:
    again = probe_from_row(json.loads(json.dumps(probe_row(probe))))
    assert again == probe
    assert isinstance(again.outcome, Outcome)
    assert hash(again) == hash(probe)


@settings(max_examples=30)
@given(some=st.lists(probes, max_size=4))
def test_probes_come_back_from_parquet(
    some: list[Probe], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "probes.parquet"
    write_table(path, PROBES, map(probe_row, some))
    rows = read_table(path, PROBES, REMADE_BY).iter_rows(named=True)
    assert list(map(probe_from_row, rows)) == some


@settings(max_examples=50)
@given(estimate=estimates)
def test_an_estimate_comes_back_from_its_document(
    estimate: Estimate, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path: Path = tmp_path_factory.getbasetemp() / "estimate.json"
    write_document(path, estimate_document(estimate))
    assert estimate_from_document(read_document(path, REMADE_BY)) == estimate


@settings(max_examples=30)
@given(estimates, certificates)
def test_every_row_fits_its_table(estimate: Estimate, certificate: Certificate) -> None:
    rates = [{"cell": estimate.cell, **row(rate)} for rate in estimate.rates]
    assert frame(ESTIMATES, [row(estimate)]).row(0, named=True) == row(estimate)
    assert frame(RATES, rates).to_dicts() == rates
    kept = frame(CERTIFICATES, [certificate_row(certificate)]).row(0, named=True)
    assert from_row(Certificate, kept) == certificate


def test_milestones_have_columns_of_their_own() -> None:
    names = [name for name in frame(PROBES, []).columns if name.startswith(("epoch_", "step_"))]
    assert names == [f"{what}_{mark}" for mark in (90, 99, 995, 100) for what in ("epoch", "step")]
    assert frame(PROBES, []).schema["epoch_995"] == pl.Int64
