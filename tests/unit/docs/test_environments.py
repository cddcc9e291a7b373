"""Container and conda environment hold what the package says it needs."""

import ast
import re
import sys
import tomllib
from collections import Counter
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

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


def pins() -> list[tuple[str, str]]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = (line.split("==") for line in lines if "==" in line)
    return [(canonicalize_name(name), version) for name, version in pairs]


def dependencies() -> list[Requirement]:
    extras = PROJECT["optional-dependencies"].values()
    return [Requirement(one) for part in (PROJECT["dependencies"], *extras) for one in part]


def test_every_dependency_has_a_lowest_version_that_its_pin_fulfils() -> None:
    pinned = dict(pins())
    for one in dependencies():
        assert one.specifier, f"{one.name} has no lowest version"
        assert pinned[canonicalize_name(one.name)] in one.specifier, one.name


def test_no_package_is_pinned_twice() -> None:
    counts = Counter(name for name, _ in pins())
    assert [name for name, count in counts.items() if count > 1] == []


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


def test_the_container_takes_the_emc_of_the_checkout_that_jobs_run_in() -> None:
    assert re.search(r"^ENV PYTHONPATH=workflow$", CONTAINER, re.MULTILINE)
    assert (ROOT / "workflow/emc/__init__.py").exists()


def test_jobs_call_nothing_but_python() -> None:
    rules = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    commands = re.findall(r"""^    shell:\n +["'](.*)["']$""", rules, flags=re.MULTILINE)
    assert len(commands) == len(re.findall(r"^rule ", rules, flags=re.MULTILINE))
    assert all(
        re.match(r"(exec )?python -P -m emc\.scripts\.[a-z]+ ", command) for command in commands
    )
    assert not re.search(r"^    (run|script|notebook|wrapper):", rules, re.MULTILINE)


def imported() -> set[str]:
    """Top names of all modules that the package and the scripts import."""
    files = [*(ROOT / "workflow/emc").rglob("*.py"), *(ROOT / "scripts").glob("*.py")]
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text()))]
    found = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    found |= {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}
    return {name.partition(".")[0] for name in found} - sys.stdlib_module_names - {"emc"}


def installed_with(requirements: list[str]) -> set[str]:
    """Normal names of these distributions and of all that they require, extras left out."""
    found: set[str] = set()
    waiting = [Requirement(one) for one in requirements]
    while waiting:
        one = waiting.pop()
        name = canonicalize_name(one.name)
        wanted = one.marker is None or one.marker.evaluate({"extra": ""})
        if wanted and name not in found:
            found.add(name)
            with suppress(metadata.PackageNotFoundError):
                waiting += map(Requirement, metadata.requires(name) or [])
    return found


def test_all_that_is_imported_is_installed_with_the_package() -> None:
    extras = PROJECT["optional-dependencies"]
    there = installed_with([*PROJECT["dependencies"], *extras["samples"], *extras["slurm"]])
    holders = metadata.packages_distributions()
    modules = imported()
    assert {"numpy", "torch", "yaml", "PIL"} <= modules
    lacking = {
        module
        for module in modules
        if not there & {canonicalize_name(name) for name in holders.get(module, [module])}
    }
    assert not lacking


def test_the_snakefile_names_the_image_that_the_containerfile_builds() -> None:
    image = re.search(r'^container: "(.+)"$', (ROOT / "Snakefile").read_text(), re.MULTILINE)
    assert image is not None
    assert f"apptainer build {image.group(1)} " in CONTAINER
