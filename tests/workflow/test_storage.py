"""Results in a storage, where no job shares a file system with another."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.plugin_files import failing_net, plugin_file
from tests.workflow.checkout import Checkout

pytestmark = [
    pytest.mark.workflow,
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("rsync") is None, reason="the storage plugin `fs` calls rsync"),
]

PLUGIN = failing_net("broken", "sys.argv[0].endswith('measure.py')", "no more")
STUDY = """
study: {name}
plugins: [{plugins}]
defaults:
  dataset: {{name: csv, file: table.csv, label: kind}}
  labels: random
  architecture: {{name: linear, bias: false}}
  optimizer: {{name: sgd, lr: 0.3}}
  budget: {{epochs: 30}}
  search: {{tolerance: 0.5, probes: 8}}
sections:
  all: {{grid: {{architecture: [{nets}]}}}}
"""


@pytest.fixture
def stored(fresh: Checkout, tmp_path: Path) -> Iterator[Checkout]:
    """A folder with a table, and a storage beside it."""
    folder = tmp_path / "work"
    folder.mkdir()
    rows = "\n".join(f"{n % 7},{n % 5},{n},{'ab'[n % 2]}" for n in range(60))
    (folder / "table.csv").write_text(f"x,y,z,kind\n{rows}\n")
    plugin_file(folder / "broken.py", PLUGIN)
    yield Checkout(folder, package=fresh.folder / "workflow")
    assert not (folder / "results/cells").exists()


def _run(checkout: Checkout, study: Path, *, check: bool = True) -> str:
    folder = checkout.folder
    done = checkout.run(
        *("python", "-m", "emc.cli", "run", study.name, "--cores", "2", "--"),
        *("--default-storage-provider", "fs"),
        *("--default-storage-prefix", str(folder.parent / "storage")),
        *("--shared-fs-usage", "none"),
        check=check,
    )
    return done.stdout + done.stderr


def test_a_study_runs_to_its_page_and_a_failed_cell_stops_no_other(stored: Checkout) -> None:
    both, one = stored.folder / "both.yaml", stored.folder / "one.yaml"
    both.write_text(STUDY.format(name="both", plugins="broken.py", nets="broken, linear"))
    one.write_text(STUDY.format(name="one", plugins="", nets="linear"))
    studies = stored.folder.parent / "storage/results/studies"

    _run(stored, both, check=False)
    log = studies.with_name("logs") / "complete/both.log"
    assert "1 of 2 cells failed; the rest is on the page" in log.read_text()
    assert (studies / "both/index.html").stat().st_size > 10_000
    assert not (studies / "both/complete.txt").exists()

    said = _run(stored, one)
    assert "rule measure" not in said
    assert (studies / "one/complete.txt").read_text() == "all 1 cells are measured\n"
    assert {path.name for path in (studies / "one").iterdir()} >= {
        "figures",
        "tables",
        "emc.duckdb",
    }
    assert "Nothing to be done" in _run(stored, one)
