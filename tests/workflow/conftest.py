"""Copies of the repository: fresh, measured, and one to change."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
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
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "measured"
    with locked(folder.with_suffix(".lock")):
        if not (folder / "whole").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            fresh.copy(folder / "emc").snakemake("config/tiny.yaml")
            (folder / "whole").touch()
    return Checkout(folder / "emc")


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """One process of the tests at a time: the second finds what the first has made."""
    with file.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


@pytest.fixture
def changeable(measured: Checkout, tmp_path: Path) -> Checkout:
    """A measured copy of one test's own."""
    return measured.copy(tmp_path / "emc")
