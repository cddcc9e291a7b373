"""Bad input is told clearly, with exit code 2, before anything is computed."""

import re
from pathlib import Path

import pytest
from tests.workflow.checkout import ROOT, Checkout

pytestmark = pytest.mark.workflow

CELL = "{dataset: digits, architecture: {name: mlp, width: 4}}"
BAD = {
    "unknown key": (
        f"study: a\nsections: {{s: {{cells: [{CELL}]}}}}\nsectons: 1",
        "found the key 'sectons'; did you mean 'sections'?",
    ),
    "wrong type": (
        f"study: a\ndefaults: {{budget: {{epochs: many}}}}\nsections: {{s: {{cells: [{CELL}]}}}}",
        "budget.epochs",
    ),
    "odd name": (f"study: a b\nsections: {{s: {{cells: [{CELL}]}}}}", "study"),
    "duplicate cell": (
        f"study: a\nsections: {{s: {{cells: [{CELL}, {CELL}]}}}}",
        "the same cell as",
    ),
    "empty grid": (
        "study: a\nsections: {s: {grid: {activation: []}}}",
        "sections.s.grid.activation",
    ),
    "absent file": (
        "study: a\nsections: {s: {cells: [{dataset: {name: csv, file: none.csv, label: a},"
        " architecture: {name: mlp, width: 4}}]}}",
        "section 's': dataset.file: no such file or folder: neither ",
    ),
    "wrong label": (
        "study: a\nsections: {s: {cells: [{dataset: {name: csv, file: TABLE, label: kin},"
        " architecture: {name: mlp, width: 4}}]}}",
        "no column 'kin'; did you mean 'kind'?",
    ),
}


@pytest.mark.parametrize("fault", BAD)
def test_validate_and_snakemake_say_the_same(fresh: Checkout, tmp_path: Path, fault: str) -> None:
    text, wanted = BAD[fault]
    table = tmp_path / "mine.csv"
    table.write_text("a,kind\n1,x\n2,y\n")
    text, study = text.replace("TABLE", str(table)), tmp_path / "bad.yaml"
    study.write_text(text)
    by_command = fresh.run("emc", "validate", str(study), check=False)
    by_workflow = fresh.run("snakemake", "-n", "--configfile", str(study), check=False)
    assert by_command.returncode == by_workflow.returncode == 2
    assert by_command.stderr.startswith("error: ")
    assert wanted in by_command.stderr
    assert by_command.stderr in by_workflow.stderr


def test_a_file_of_no_cell_is_refused(fresh: Checkout) -> None:
    target = "results/cells/none/probes.parquet"
    done = fresh.run("snakemake", "-n", target, "--configfile", "config/tiny.yaml", check=False)
    assert done.returncode == 2
    assert done.stderr.endswith(
        "error: results/cells/none: config/tiny.yaml has no cell 'none'; `emc plan"
        " config/tiny.yaml` lists its cells\n"
    )


def test_names_and_titles_with_braces_are_no_wildcards(fresh: Checkout, tmp_path: Path) -> None:
    study = tmp_path / "my {study} '1.yaml"
    study.write_text(f"study: a\ntitle: of {{relu, tanh}}\nsections: {{s: {{cells: [{CELL}]}}}}")
    assert fresh.planned(str(study))["measure"] == 1


def test_a_wrong_share_of_gpus_is_told_before_any_job_starts(
    fresh: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMC_GPU_JOBS_PER_DEVICE", "2.0")
    done = fresh.run("snakemake", "--cores", "1", check=False)
    assert done.returncode == 2
    assert "EMC_GPU_JOBS_PER_DEVICE: expected a whole number from 1, found '2.0'" in done.stderr
    assert not (fresh.folder / "results/cells").exists()


def test_keys_beside_the_study_file_are_refused(fresh: Checkout) -> None:
    done = fresh.run("snakemake", "-n", "--config", "colour=red", check=False)
    assert done.returncode == 2
    assert "--config colour" in done.stderr


@pytest.mark.parametrize("command", ["validate", "plan"])
def test_a_missing_study_file_is_named(fresh: Checkout, command: str) -> None:
    done = fresh.run("emc", command, "config/none.yaml", check=False)
    assert done.returncode == 2
    assert done.stderr == "error: config/none.yaml: no such study file\n"


def test_a_python_that_is_too_old_is_named(tmp_path: Path) -> None:
    old = tmp_path / "python3.9"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.2" && exit\nexit 1\n')
    old.chmod(0o755)
    command = ("make", f"PYTHON={old}", f"VENV={tmp_path}/venv", f"{tmp_path}/venv/created")
    done = Checkout(ROOT).run(*command, check=False)
    assert done.returncode == 2
    assert "error: Python 3.11 or newer is needed" in done.stderr
    assert "Python 3.9.2" in done.stderr


@pytest.mark.slow
def test_a_missing_data_file_is_told_before_anything_trains(
    fresh: Checkout, tmp_path: Path
) -> None:
    checkout = fresh.copy(tmp_path / "emc")
    study = checkout.folder / "config/absent.yaml"
    study.write_text(
        "study: absent\nsections: {s: {cells: [{dataset: {name: csv, file: none.csv, label: y},"
        " architecture: {name: mlp, width: 4}}]}}"
    )
    done = checkout.run("snakemake", "--cores", "1", "--configfile", str(study), check=False)
    assert done.returncode != 0
    assert "error: " in done.stderr + done.stdout
    assert "none.csv" in done.stderr + done.stdout
    assert not (checkout.folder / "results/cells").exists()


def test_braces_in_a_users_text_are_no_wildcards(fresh: Checkout, tmp_path: Path) -> None:
    checkout = fresh.copy(tmp_path / "emc")
    text = (checkout.folder / "config/tiny.yaml").read_text()
    title = 'title: "--EMC of {relu, tanh} and {wildcards.cell}"'
    changed = re.sub("^title: .*$", title, text, flags=re.MULTILINE)
    assert title in changed
    (checkout.folder / "config/braces.yaml").write_text(changed)
    assert checkout.planned("config/braces.yaml")["measure"] == 3


def test_no_run_makes_files_of_another_study(fresh: Checkout) -> None:
    done = fresh.run("snakemake", "--dry-run", "results/studies/tiny/emc.duckdb", check=False)
    assert done.returncode == 1
    assert "No rule to produce results/studies/tiny/emc.duckdb" in done.stdout + done.stderr
