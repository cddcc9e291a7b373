"""Container and conda environment hold what the package says it needs."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONTAINER = (ROOT / "Containerfile").read_text()


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[<>=! \[]", one, maxsplit=1)[0].lower() for one in requirements}


@pytest.fixture(scope="module")
def conda() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "environment.yaml").read_text())
    return found


def test_conda_installs_every_dependency_as_pinned(conda: dict[str, Any]) -> None:
    (pip,) = [part["pip"] for part in conda["dependencies"] if isinstance(part, dict)]
    assert pip[0] == "--constraint constraints.txt"
    extras = PROJECT["optional-dependencies"]
    wanted = names(PROJECT["dependencies"]) | names(extras["samples"]) | names(extras["slurm"])
    assert names(pip[1:]) == wanted


def test_conda_has_a_python_that_is_allowed_and_a_compiler(conda: dict[str, Any]) -> None:
    (python,) = [p for p in conda["dependencies"] if str(p).startswith("python=")]
    lowest = PROJECT["requires-python"].removeprefix(">=")
    assert [int(part) for part in python.removeprefix("python=").split(".")] >= [
        int(part) for part in lowest.split(".")
    ]
    assert "cxx-compiler" in conda["dependencies"]


def test_every_dependency_has_a_pinned_version() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = names([line for line in lines if "==" in line])
    wanted = names(PROJECT["dependencies"]) - {"torch", "torchvision"}
    assert {one.replace("_", "-") for one in wanted} <= {one.replace("_", "-") for one in pinned}


def test_the_container_installs_the_package_with_its_pins_and_a_compiler() -> None:
    assert re.search(r"^FROM docker\.io/library/python:3\.\d+-slim$", CONTAINER, re.MULTILINE)
    assert "g++" in CONTAINER
    install = r"pip install .*--constraint constraints\.txt '\.\[samples,slurm\]'"
    assert re.search(install, CONTAINER)


def test_what_the_container_copies_exists() -> None:
    copied = re.findall(r"^COPY (.+) \S+$", CONTAINER, flags=re.MULTILINE)
    sources = [source for line in copied for source in line.split()]
    assert sources
    assert all((ROOT / source).exists() for source in sources)
    assert {"constraints.txt", "pyproject.toml", "workflow"} <= {
        source.removeprefix("./") for source in sources
    }


def test_the_snakefile_names_the_image_that_the_containerfile_builds() -> None:
    image = re.search(r'^container: "(.+)"$', (ROOT / "Snakefile").read_text(), re.MULTILINE)
    assert image is not None
    assert f"apptainer build {image.group(1)} " in CONTAINER
