"""Plug-ins that pass as their study is read and fail in the jobs of its cells."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.plugin_files import plugin_file

from emc.jobs.preparation import prepare_or_fail
from emc.measurement.certify import certify
from emc.measurement.generalise import generalise
from emc.measurement.job import measure
from emc.store.failures import read_failure
from emc.store.layout import CellFiles, Results, data_failure
from emc.study import Cell, PlannedCell, load_file
from emc.study.architectures import plugin
from emc.study.certificate import CertificateSettings
from emc.study.identity import dataset_id, from_canonical, settings_id

MOOD = "EMC_TEST_MOOD"
"""What the plug-in does wrong where it is set: as a compute node lacks what the login node has."""
PLUGIN = f"""
import os
import numpy as np


def moody(place, rows=0):
    if os.environ.get("{MOOD}", "").startswith(place):
        exec(os.environ["{MOOD}"].removeprefix(place))


@emc.architecture("moody")
class Moody(nn.Module):
    def __init__(self, shape, classes, activation):
        super().__init__()
        moody("build: ")
        self.layer = nn.Linear(prod(shape), classes)

    def forward(self, x):
        moody("forward: ", len(x))
        return self.layer(x.flatten(1))


@emc.activation("sulky")
def sulky(x):
    moody("activation: ")
    return torch.relu(x)


@emc.dataset("blobs", shape=(2,), classes=2)
def blobs():
    moody("data: ")
    labels = np.arange(200) % 2
    return np.random.default_rng(0).normal(size=(200, 2)) + labels[:, None], labels
"""
STUDY = """
study: moods
plugins: [own.py]
sections:
  moody:
    cells:
      - dataset: blobs
        architecture: moody
        optimizer: {name: sgd, lr: 0.3}
        budget: {epochs: 5}
        finish: {iterations: 60}
        search: {tolerance: 0.5, probes: 8}
"""
SETTINGS = CertificateSettings(iterations=20)
CERTIFY = f"certify-{settings_id(SETTINGS)}"

Bad = Callable[[str], None]


@pytest.fixture
def planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PlannedCell:
    monkeypatch.chdir(tmp_path)
    plugin_file(Path("own.py"), PLUGIN)
    Path("study.yaml").write_text(STUDY)
    (planned,) = load_file(Path("study.yaml")).cells
    return planned


@pytest.fixture
def results(planned: PlannedCell) -> Results:
    results = Results(Path("results"))
    dataset = planned.cell.dataset
    prepare_or_fail(dataset, results.data(dataset_id(dataset)), None)
    return results


@pytest.fixture
def bad(monkeypatch: pytest.MonkeyPatch) -> Bad:
    def bad(mood: str) -> None:
        plugin._weights.cache_clear()  # as in the process of a job
        monkeypatch.setenv(MOOD, mood)

    return bad


def cell_of_job(planned: PlannedCell) -> Cell:
    return from_canonical(planned.definition)


def run(stage: str, planned: PlannedCell, results: Results) -> CellFiles:
    """Run a stage as the job of its rule does."""
    files, cell = results.cell(planned.id), cell_of_job(planned)
    if stage == "measure":
        measure(cell, results, device="cpu", back_end=None)
    elif stage == "generalise":
        generalise(cell, 2, results, files.generalisation(2))
    else:
        certify(cell, SETTINGS, results, files.certificate(settings_id(SETTINGS)))
    return files


@pytest.mark.parametrize("stage", ["measure", CERTIFY, "generalise"])
def test_a_net_that_cannot_be_built_is_a_failure_with_its_line(
    stage: str, planned: PlannedCell, results: Results, bad: Bad
) -> None:
    if stage != "measure":
        run("measure", planned, results)
    bad("build: raise RuntimeError('no \\ud800 licence')")
    document = "generalise-2" if stage == "generalise" else stage
    reason = read_failure(run(stage, planned, results).failure(document)).reason
    assert reason == r"own.py, line 11: RuntimeError: no \ud800 licence"


def test_an_activation_that_cannot_be_called_is_a_failure(
    planned: PlannedCell, results: Results, bad: Bad
) -> None:
    net = "architecture: {name: mlp, width: 3}\n        activation: sulky"
    Path("study.yaml").write_text(STUDY.replace("architecture: moody", net))
    (sulky,) = load_file(Path("study.yaml")).cells
    bad("activation: raise RuntimeError('not today')")
    reason = read_failure(run("measure", sulky, results).failure("measure")).reason
    assert re.fullmatch(r"own\.py, line 11: .* fails on inputs of shape .*: not today", reason)


def test_an_interruption_of_its_own_is_a_failure(
    planned: PlannedCell, results: Results, bad: Bad
) -> None:
    """Ctrl-C comes to a measurement as a request to stop, and not as an error."""
    bad("forward: raise KeyboardInterrupt")
    reason = read_failure(run("measure", planned, results).failure("measure")).reason
    assert reason == "own.py, line 11: KeyboardInterrupt"


@pytest.mark.parametrize("stage", ["measure", CERTIFY, "generalise"])
@pytest.mark.parametrize(
    "mood",
    ["build: raise MemoryError", "build: torch.empty(10**13)", "forward: torch.empty(10**13)"],
)
def test_a_net_that_lacks_memory_is_tried_again(
    stage: str, mood: str, planned: PlannedCell, results: Results, bad: Bad
) -> None:
    if stage != "measure":
        run("measure", planned, results)
    bad(mood)
    with pytest.raises(MemoryError, match=r"(line 11: |allocate|fit).* \(try 1 of 4\)$"):
        run(stage, planned, results)
    assert not results.cell(planned.id).failure(stage).exists()


@pytest.mark.parametrize(
    ("back_end", "said"),
    [("sequential", "DefaultCPUAllocator: .*"), ("vmap", "a single replica does not fit: .*")],
)
def test_so_is_one_that_lacks_it_in_training(
    back_end: str, said: str, planned: PlannedCell, results: Results, bad: Bad
) -> None:
    """After the net was tried on two rows, and on 64."""
    bad("forward: rows > 4 and rows != 64 and torch.empty(10**13)")
    with pytest.raises(MemoryError, match=rf"{said} \(try 1 of 4\)$"):
        measure(cell_of_job(planned), results, device="cpu", back_end=back_end)


def test_a_data_set_that_lacks_memory_is_tried_again(planned: PlannedCell, bad: Bad) -> None:
    folder = Path("results/data/blobs")
    bad("data: raise MemoryError")
    for number in (1, 2, 3):
        with pytest.raises(MemoryError, match=rf"^own\.py, .*: MemoryError \(try {number} of 4\)$"):
            prepare_or_fail(planned.cell.dataset, folder, None)
    prepare_or_fail(planned.cell.dataset, folder, None)
    said = read_failure(data_failure(folder)).reason
    assert said == "memory ran out 4 times, at last with own.py, line 11: MemoryError"
