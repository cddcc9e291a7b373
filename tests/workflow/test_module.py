"""Snakemake in another folder than the checkout's, and the workflow as a module of another."""

from pathlib import Path

import pytest
from tests.workflow.checkout import Checkout

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

STUDY = """
study: one
defaults:
  dataset: {name: gaussian, dimension: 4, samples: 100}
  architecture: {name: linear, bias: false}
  optimizer: {name: sgd, lr: 0.3}
  budget: {epochs: 30}
  search: {tolerance: 0.5, probes: 8}
sections:
  linear: {cells: [{labels: random}]}
"""
"""One cell that is measured in seconds."""

# As `snakedeploy deploy-workflow` writes it.
DEPLOYED = """
from snakemake.utils import min_version


min_version("6.10.0")


configfile: "config/config.yaml"


module emc:
    snakefile:
        {snakefile!r}
    config:
        config


use rule * from emc
"""

# A workflow with keys and rules of its own.
LARGER = """
configfile: "settings.yaml"


module emc:
    snakefile:
        {snakefile!r}
    config:
        config["emc"]


use rule * from emc as emc_*


rule told:
    default_target: True
    input:
        "results/studies/one/emc.duckdb",
    output:
        "told.txt",
    shell:
        "echo {{input}} > {{output}}"
"""


def test_results_go_to_the_folder_that_is_named(fresh: Checkout, tmp_path: Path) -> None:
    study = tmp_path / "one.yaml"
    study.write_text(STUDY)
    fresh.snakemake(str(study), "--directory", str(tmp_path / "elsewhere"))
    assert (tmp_path / "elsewhere/results/studies/one/complete.txt").exists()
    assert not (fresh.folder / "results").exists()


def test_a_deployed_study_runs_to_its_page(fresh: Checkout, tmp_path: Path) -> None:
    deployed = _deployed(fresh, tmp_path, DEPLOYED)
    (tmp_path / "config").mkdir()
    (tmp_path / "config/config.yaml").write_text(STUDY)
    deployed.run(*RUN)
    assert (tmp_path / "results/studies/one/index.html").exists()
    assert "Nothing to be done" in _all(deployed)


def test_a_workflow_gives_the_study_within_its_own_settings(
    fresh: Checkout, tmp_path: Path
) -> None:
    larger = _deployed(fresh, tmp_path, LARGER)
    indented = STUDY.replace("\n", "\n  ")
    (tmp_path / "settings.yaml").write_text(f"colour: red\nemc:{indented}\n")
    larger.run(*RUN)
    assert (tmp_path / "told.txt").read_text() == "results/studies/one/emc.duckdb\n"
    assert "Nothing to be done" in _all(larger)


RUN = ("snakemake", "--cores", "2", "--rerun-triggers", "mtime", "params", "code")
"""As profiles/default does, which `snakedeploy` copies."""


def _deployed(fresh: Checkout, folder: Path, snakefile: str) -> Checkout:
    (folder / "workflow").mkdir()
    text = snakefile.format(snakefile=str(fresh.folder / "Snakefile"))
    (folder / "workflow/Snakefile").write_text(text)
    return Checkout(folder, package=fresh.folder / "workflow")


def _all(checkout: Checkout) -> str:
    done = checkout.run(*RUN)
    return done.stdout + done.stderr
