"""Two runs of Snakemake at once, or one after another that was killed."""

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from tests.until import until
from tests.workflow.checkout import Checkout

from emc.store.columns import PROBES
from emc.store.journal import read_rounds
from emc.store.layout import CellFiles, Results
from emc.store.tables import read_table
from emc.study import load_file

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

STUDY = """
study: {name}
defaults:
  dataset: {{name: gaussian, dimension: 8, samples: 400}}
  labels: random
  architecture: {{name: mlp, depth: 1, width: 6}}
  optimizer: {{name: sgd, lr: 0.3}}
  budget: {{epochs: 100}}
  finish: {{iterations: 60, effort: 0.1}}
  search: {{tolerance: 0.1, probes: 60}}
sections:
  shared: {{grid: {{seed: [0, 1, 2]}}}}
"""


def start(checkout: Checkout, study: str, *options: str) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(checkout.folder / "workflow"),
        "CUDA_VISIBLE_DEVICES": "",
    }
    return subprocess.Popen(
        ["snakemake", "--cores", "1", *options, "--configfile", study],
        cwd=checkout.folder,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


@pytest.fixture
def checkout(fresh: Checkout, tmp_path: Path) -> Checkout:
    copy = fresh.copy(tmp_path / "emc")
    for name in ("one", "other", "alone"):
        (copy.folder / f"config/{name}.yaml").write_text(STUDY.format(name=name))
    return copy


def test_two_studies_that_share_cells_at_once(
    checkout: Checkout, fresh: Checkout, tmp_path: Path
) -> None:
    calm = fresh.copy(tmp_path / "calm")
    (calm.folder / "config/alone.yaml").write_text(STUDY.format(name="alone"))
    calm.snakemake("config/alone.yaml", "--until", "measure")
    checkout.snakemake("config/one.yaml", "--until", "dataset")
    runs = [
        start(checkout, f"config/{name}.yaml", "--nolock", "--until", "measure")
        for name in ("one", "other")
    ]
    said = [run.communicate(timeout=600)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], said
    for planned in load_file(calm.folder / "config/alone.yaml").cells:
        both, once = (
            read_table(Results(each.folder / "results").cell(planned.id).probes, PROBES, "measure")
            for each in (checkout, calm)
        )
        assert both.drop("seconds", "finish_seconds").equals(once.drop("seconds", "finish_seconds"))
        kept, in_use = read_rounds(Results(checkout.folder / "results").cell(planned.id).journal)
        assert [probe.run.seconds for probe in kept] == both["seconds"].to_list()
        assert not in_use


def test_a_second_run_in_the_same_folder_is_refused(checkout: Checkout) -> None:
    with start(checkout, "config/one.yaml", "--until", "measure") as first:
        assert first.stdout is not None
        for line in first.stdout:
            if "Execute" in line:
                break
        second = start(checkout, "config/one.yaml", "--until", "measure")
        said, _ = second.communicate(timeout=600)
        assert second.returncode == 1
        assert "Directory cannot be locked" in said
        first.communicate(timeout=600)
        assert first.returncode == 0


def under_way(cells: Iterable[CellFiles]) -> CellFiles | None:
    """A cell that a process measures just now."""
    return next((files for files in cells if read_rounds(files.journal)[1]), None)


def test_a_killed_snakemake_is_unlocked_and_trains_nothing_again(checkout: Checkout) -> None:
    """Its job lives on and ends with nobody to register what it wrote."""
    study = "config/one.yaml"
    planned = load_file(checkout.folder / study).cells
    cells = [Results(checkout.folder / "results").cell(one.id) for one in planned]
    with start(checkout, study, "--until", "measure") as killed:
        orphan = until(lambda: under_way(cells), "a cell under way")
        killed.kill()
    until(lambda: not under_way([orphan]), "the end of the orphan")
    before = orphan.probes.read_bytes()
    locked = checkout.snakemake(study, "--until", "measure", check=False)
    assert "can be removed with the --unlock argument" in locked
    checkout.snakemake(study, "--unlock")
    said = checkout.snakemake(study, "--until", "certify")
    assert f"Measuring {orphan.folder.name}" in said
    assert orphan.probes.read_bytes() == before
    assert not any(files.journal.exists() for files in cells)
