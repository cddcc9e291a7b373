"""Copies of the repository: fresh, measured, and one to change."""

import shutil
from pathlib import Path

import pytest
from tests.workflow.checkout import PARTS, ROOT, Checkout


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A copy without results."""
    folder = tmp_path_factory.mktemp("checkout") / "emc"
    folder.mkdir()
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, folder / part, ignore=ignored)
        else:
            shutil.copy2(source, folder / part)
    return Checkout(folder)


@pytest.fixture(scope="session")
def measured(fresh: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A copy in which the study tiny.yaml has run to its page; not to be changed."""
    checkout = fresh.copy(tmp_path_factory.mktemp("measured") / "emc")
    checkout.snakemake("config/tiny.yaml")
    return checkout


@pytest.fixture
def changeable(measured: Checkout, tmp_path: Path) -> Checkout:
    """A measured copy of one test's own."""
    return measured.copy(tmp_path / "emc")
