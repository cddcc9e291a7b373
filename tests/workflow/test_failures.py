"""A cell that fails: the study ends, says so, and tries again when it is told to."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests.plugin_files import failing_net, plugin_file
from tests.workflow.checkout import Checkout

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

STUDY = "config/failing.yaml"
PLUGIN = failing_net(
    "moody",
    "self.training and 'EMC_TEST_MOOD' in os.environ"
    " and sys.argv[0].endswith(('measure.py', 'generalise.py'))",
    r"not <b>today</b>\n\udce9 \x1b[2J",
)
TEXT = """
study: failing
plugins: [moody.py]
defaults:
  dataset: {name: gaussian, dimension: 8, samples: 400}
  optimizer: {name: sgd, lr: 0.3}
  budget: {epochs: 20}
  finish: {iterations: 60, effort: 0.1}
  search: {tolerance: 0.5, probes: 8}
sections:
  moody: {cells: [{architecture: moody}]}
  calm: {cells: [{architecture: {name: linear}}]}
"""
ABSENT = "config/absent.yaml"
READER = """
from pathlib import Path

@emc.dataset("measured", shape=(4,), classes=2)
def measured():
    if not Path("values.txt").exists():
        raise OSError("the values were not fetched yet")
    return torch.randn(60, 4), torch.arange(60) % 2
"""
ABSENT_TEXT = """
study: absent
plugins: [measured.py]
defaults:
  architecture: {name: linear}
  optimizer: {name: sgd, lr: 0.3}
  budget: {epochs: 20}
  finish: {iterations: 60, effort: 0.1}
  search: {tolerance: 0.5, probes: 8}
sections:
  whole: {cells: [{dataset: {name: gaussian, dimension: 8, samples: 400}}]}
  absent:
    grid:
      labels: [original, random]
      dataset: [{name: measured}]
"""


@pytest.fixture
def checkout(
    fresh: Checkout, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Checkout:
    monkeypatch.setenv("EMC_TEST_MOOD", "bad")
    copy = fresh.copy(tmp_path_factory.mktemp("failing") / "emc")
    plugin_file(copy.folder / "config/moody.py", PLUGIN)
    (copy.folder / STUDY).write_text(TEXT)
    return copy


def rows(checkout: Checkout, sql: str, study: str = STUDY) -> list[dict[str, Any]]:
    said = checkout.run("emc", "query", study, sql, "--json").stdout
    answer: list[dict[str, Any]] = json.loads(said)
    return answer


def test_a_failed_cell_stops_nothing_and_is_told(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = checkout.run("snakemake", "--cores", "2", "--configfile", STUDY, check=False)
    said = first.stdout + first.stderr
    assert first.returncode == 1
    assert "1 of 2 cells failed" in said
    reason = (
        r"config/moody.py, line 7: architecture 'moody': Failing fails in training: not"
        r" <b>today</b> \udce9 \x1b[2J"
    )
    assert reason in said

    statuses = rows(checkout, "SELECT architecture, status FROM emc ORDER BY 1")
    assert [row["status"] for row in statuses] == ["measured", "failed"]
    (missing,) = rows(checkout, "SELECT cell, reason FROM missing")
    assert missing["reason"] == reason
    page = (checkout.folder / "results/studies/failing/index.html").read_text()
    assert "not &lt;b&gt;today&lt;/b&gt;" in page
    assert "not <b>today</b>" not in page
    plan = checkout.run("emc", "plan", STUDY).stdout
    assert reason in plan
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


def test_failures_of_other_numbers_of_runs_are_kept_apart(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two studies share a cell that is tested on new samples, 3 times for one, 2 for the other."""
    for name, seeds in (("three", 3), ("two", 2)):
        text = TEXT.replace("failing", name) + f"generalisation: {{seeds: {seeds}}}\n"
        (checkout.folder / f"config/{name}.yaml").write_text(text)
    three, two = "config/three.yaml", "config/two.yaml"
    monkeypatch.delenv("EMC_TEST_MOOD")
    checkout.run("snakemake", "measured", "--cores", "2", "--configfile", three)
    monkeypatch.setenv("EMC_TEST_MOOD", "bad")
    assert "1 of 2 cells failed" in checkout.snakemake(three, check=False)
    monkeypatch.delenv("EMC_TEST_MOOD")
    checkout.snakemake(two, check=False)
    assert "generalise of 1 cell" in checkout.run("emc", "plan", three).stdout
    assert "generalise" not in checkout.run("emc", "retry", two, "--all").stdout
    assert "generalise will be tried again" in checkout.run("emc", "retry", three, "--all").stdout
    checkout.snakemake(three)
    assert not checkout.planned(three)


def test_a_data_set_that_cannot_be_prepared_stops_nothing_and_is_told(
    fresh: Checkout, tmp_path: Path
) -> None:
    checkout = fresh.copy(tmp_path / "emc")
    study = ABSENT
    (checkout.folder / study).write_text(ABSENT_TEXT)
    plugin_file(checkout.folder / "config/measured.py", READER)

    first = checkout.run("snakemake", "--cores", "2", "--configfile", study, check=False)
    said = first.stdout + first.stderr
    assert first.returncode == 1
    assert "2 of 3 cells failed" in said
    sql = "SELECT dataset, status FROM emc ORDER BY 1"
    statuses = [row["status"] for row in rows(checkout, sql, study)]
    assert statuses == ["measured", "failed", "failed"]
    missing = rows(checkout, "SELECT cell, reason FROM missing", study)
    reason = "the values were not fetched yet"
    assert all("could not be prepared" in row["reason"] for row in missing)
    assert all(reason in row["reason"] for row in missing)
    assert rows(checkout, "SELECT prepared FROM datasets ORDER BY name", study) == [
        {"prepared": True},
        {"prepared": False},
    ]
    page = (checkout.folder / "results/studies/absent/index.html").read_text()
    assert "could not be prepared" in page
    assert "2 failed" in checkout.run("emc", "plan", study).stdout
    shown = checkout.run("emc", "show", missing[0]["cell"]).stdout
    assert reason in " ".join(shown.split())

    again = checkout.run("snakemake", "--cores", "1", "--configfile", study, check=False)
    assert again.returncode == 1
    assert "rule dataset" not in again.stdout + again.stderr

    (checkout.folder / "values.txt").touch()
    assert "dataset will be tried again" in checkout.run("emc", "retry", study, "--all").stdout
    checkout.snakemake(study)
    statuses = [row["status"] for row in rows(checkout, sql, study)]
    assert statuses == ["measured"] * 3
    assert not checkout.planned(study)
