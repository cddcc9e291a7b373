"""A release says one version everywhere, and CI tests what the package says it takes."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

import emc

ROOT = Path(__file__).parents[3]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def text(name: str) -> str:
    return (ROOT / name).read_text()


def document(name: str) -> Any:
    return yaml.safe_load(text(name))


def test_the_version_is_the_same_everywhere() -> None:
    assert document("CITATION.cff")["version"] == emc.__version__
    heading = re.search(r"^## (\S+) \((unreleased|\d{4}-\d\d-\d\d)\)$", text("CHANGELOG.md"), re.M)
    assert heading is not None
    assert heading[1] == emc.__version__
    assert document("config/config.yaml")["emc_version"] == emc.__version__.rpartition(".")[0]


def test_the_distributions_name_is_the_one_that_is_told() -> None:
    for name in ("README.md", "CITATION.cff", "CONTRIBUTING.md", "profiles/slurm/profile.yaml"):
        assert PROJECT["name"] in text(name), name
    told = re.findall(r"pip install ['\"]?([a-z-]+)", text("README.md"))
    assert told
    assert {*told} == {PROJECT["name"]}


def test_every_python_of_the_classifiers_is_tested() -> None:
    versions = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    jobs = document(".github/workflows/check.yml")["jobs"]
    assert jobs["test"]["strategy"]["matrix"]["python"] == versions
    assert versions[0] == PROJECT["requires-python"].removeprefix(">=")


@pytest.mark.parametrize("file", sorted((ROOT / ".github/workflows").glob("*.yml")), ids=str)
def test_workflows_call_what_there_is(file: Path) -> None:
    jobs = yaml.safe_load(file.read_text())["jobs"].values()
    steps = [step["run"].split() for job in jobs for step in job["steps"] if "run" in step]
    assert steps
    made = re.findall(r"^([a-z-]+):", text("Makefile"), re.M)
    for command in steps:
        if command[0] == "make":
            assert command[1] in made
        elif command[0] != "git" and not command[0].startswith(".venv/"):
            assert (ROOT / command[0]).is_file()


def test_the_catalogs_study_is_there_and_the_workflow_is_where_it_is_looked_for() -> None:
    assert document(".snakemake-workflow-catalog.yml")["usage"]
    assert (ROOT / "Snakefile").is_file()
    assert (ROOT / "config/README.md").is_file()
    assert document("config/config.yaml")["study"]
