"""A cell that fails: the study ends, says so, and tries again when it is told to."""

import json
import re

import pytest
from tests.workflow.checkout import Checkout

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

STUDY = "config/failing.yaml"
PLUGIN = """
import os
from math import prod

import emc
from torch import nn


@emc.architecture("moody")
class Moody(nn.Module):
    def __init__(self, shape, classes, activation):
        super().__init__()
        self.layer = nn.Linear(prod(shape), classes)

    def forward(self, x):
        if self.training and "EMC_TEST_MOOD" in os.environ:
            raise RuntimeError("not <b>today</b>")
        return self.layer(x.flatten(1))
"""
TEXT = """
study: failing
plugins: [moody.py]
defaults:
  dataset: {name: gaussian, dimension: 8, samples: 400}
  optimizer: {name: sgd, lr: 0.3}
  budget: {epochs: 20}
  search: {tolerance: 0.5, probes: 8}
sections:
  moody: {cells: [{architecture: moody}]}
  calm: {cells: [{architecture: {name: linear}}]}
"""


@pytest.fixture
def checkout(
    fresh: Checkout, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Checkout:
    monkeypatch.setenv("EMC_TEST_MOOD", "bad")
    copy = fresh.copy(tmp_path_factory.mktemp("failing") / "emc")
    (copy.folder / "config/moody.py").write_text(PLUGIN)
    (copy.folder / STUDY).write_text(TEXT)
    return copy


def rows(checkout: Checkout, sql: str) -> list[dict[str, str]]:
    answer: list[dict[str, str]] = json.loads(
        checkout.run("emc", "query", STUDY, sql, "--json").stdout
    )
    return answer


def test_a_failed_cell_stops_nothing_and_is_told(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = checkout.run("snakemake", "--cores", "2", "--configfile", STUDY, check=False)
    said = first.stdout + first.stderr
    assert first.returncode == 1
    assert "1 of 2 cells failed" in said
    assert "config/moody.py, line 17: RuntimeError: not <b>today</b>" in said

    statuses = rows(checkout, "SELECT architecture, status FROM emc ORDER BY 1")
    assert [row["status"] for row in statuses] == ["measured", "failed"]
    (missing,) = rows(checkout, "SELECT cell, reason FROM missing")
    assert "not <b>today</b>" in missing["reason"]
    page = (checkout.folder / "results/studies/failing/index.html").read_text()
    assert "not &lt;b&gt;today&lt;/b&gt;" in page
    assert "not <b>today</b>" not in page
    plan = checkout.run("emc", "plan", STUDY).stdout
    assert re.search(r"\b1 failed, 1 done\b|\b1 done, 1 failed\b", plan)

    again = checkout.run("snakemake", "--cores", "1", "--configfile", STUDY, check=False)
    assert again.returncode == 1
    assert "rule measure" not in again.stdout + again.stderr
    assert "1 of 2 cells failed" in again.stdout + again.stderr

    nothing = checkout.run("emc", "retry", STUDY, check=False)
    assert nothing.returncode == 2
    assert missing["cell"] in nothing.stderr
    unknown = checkout.run("emc", "retry", STUDY, "nonsense", check=False)
    assert unknown.returncode == 2

    told = checkout.run("emc", "retry", STUDY, missing["cell"]).stdout
    assert f"{missing['cell']}: measure will be tried again" in told
    monkeypatch.delenv("EMC_TEST_MOOD")
    checkout.snakemake(STUDY)
    assert [row["status"] for row in rows(checkout, "SELECT status FROM emc")] == ["measured"] * 2
    assert not checkout.planned(STUDY)
    assert checkout.run("emc", "retry", STUDY, "--all").stdout == "no cell has failed\n"
