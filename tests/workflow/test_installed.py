"""The wheel in an environment of its own, away from the checkout."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
from tests.workflow.checkout import ROOT

pytestmark = [pytest.mark.workflow, pytest.mark.slow, pytest.mark.xdist_group("installed")]

TINY = (ROOT / "config/tiny.yaml").read_text()


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "--wheel-dir", folder, ROOT], check=True)
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Programs of an environment that has the wheel, and what it needs from that of the tests.

    The latter's own `emc` is a file that names a folder: no path is taken from such files.
    """
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder)
    python = folder / "bin/python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--quiet"]
    subprocess.run([*pip, "install", "--no-deps", "--no-index", wheel], check=True)
    lent = f"import sys; sys.path.append({sysconfig.get_path('purelib')!r})\n"
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    (Path(_said(python, "-c", where).strip()) / "lent.pth").write_text(lent)
    return folder / "bin"


def _said(*command: str | Path, folder: Path | None = None) -> str:
    done = _done(*command, folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _done(*command: str | Path, folder: Path | None = None) -> "subprocess.CompletedProcess[str]":
    """Run it as a user would who has not activated the environment."""
    names = ("PYTHONPATH", "VIRTUAL_ENV")
    environment = {name: text for name, text in os.environ.items() if name not in names}
    return subprocess.run(
        command, cwd=folder, env=environment, text=True, capture_output=True, check=False
    )


def test_the_installed_package_is_the_wheels(installed: Path, tmp_path: Path) -> None:
    file = _said(installed / "python", "-c", "import emc; print(emc.__file__)", folder=tmp_path)
    assert Path(file.strip()).is_relative_to(installed.parent)
    assert _said(installed / "emc", "--version", folder=tmp_path).startswith("emc 0.")
    name = "import importlib.metadata as m; print(m.version('effective-model-complexity'))"
    assert _said(installed / "python", "-c", name, folder=tmp_path)


def test_a_study_runs_to_its_page_anywhere(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(TINY)
    said = _said(installed / "emc", "run", "mine.yaml", "--cores", "2", folder=tmp_path)
    page = tmp_path / "results/studies/tiny/index.html"
    assert said.splitlines()[-1] == f"The page: {page}"
    assert page.stat().st_size > 10_000
    again = _done(installed / "emc", "run", "mine.yaml", folder=tmp_path)
    assert "Nothing to be done" in again.stdout + again.stderr


def test_shipped_studies_are_there_by_name(installed: Path, tmp_path: Path) -> None:
    assert "'demo' is valid" in _said(installed / "emc", "validate", "demo", folder=tmp_path)
    wanted = _done(installed / "emc", "run", "demo", "--", "--dry-run", folder=tmp_path)
    assert "measure          7" in wanted.stdout + wanted.stderr


def test_the_first_study_is_valid(installed: Path, tmp_path: Path) -> None:
    _said(installed / "emc", "init", folder=tmp_path)
    said = _said(installed / "emc", "validate", "study.yaml", folder=tmp_path)
    assert "2 cells" in said
    again = _done(installed / "emc", "init", folder=tmp_path)
    assert again.returncode == 2
    assert again.stderr.startswith("error: study.yaml: there already")
