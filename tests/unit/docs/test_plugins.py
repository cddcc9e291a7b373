"""The worked example of docs/plugins.md is a study that measures."""

import re
from pathlib import Path

import pytest

from emc.data.prepare import prepare
from emc.measurement.job import measure
from emc.store.documents import read_document
from emc.store.layout import Results
from emc.study import StudyPlan, load_file
from emc.study.identity import dataset_id, from_canonical

PAGE = (Path(__file__).parents[3] / "docs/plugins.md").read_text()


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StudyPlan:
    """The page's two files, where it says that they lie."""
    monkeypatch.chdir(tmp_path)
    Path("config").mkdir()
    for name, content in re.findall(r"`(config/\S+)`:\n\n```\w+\n(.*?)```", PAGE, flags=re.DOTALL):
        Path(name).write_text(content)
    return load_file(Path("config/own.yaml"))


def test_the_example_is_valid(example: StudyPlan) -> None:
    assert [planned.id.rpartition("-")[0] for planned in example.cells] == [
        "digits-random-bottleneck66-relu-sgd",
        "digits-random-bottleneck25-relu-sgd",
        "digits-random-bottleneck49-relu-sgd",
        "digits-random-bottleneck49-sine-sgd",
        "digits-random-bottleneck49-relu-sgd",
        "digits-random-bottleneck49-relu-heavy-ball",
        "rings-random-mlp8-relu-sgd",
    ]


def test_every_kind_is_used_by_the_example(example: StudyPlan) -> None:
    documented = set(re.findall(r"@emc\.(\w+)\(name", PAGE))
    assert documented == {"architecture", "activation", "optimizer", "dataset"}
    used = {key for one in example.cells for key in documented if '"plugin"' in one.definition}
    assert used == documented


@pytest.mark.slow
def test_every_cell_of_the_example_is_measured(example: StudyPlan) -> None:
    results = Results(Path("results"))
    for planned in example.cells:
        cell = from_canonical(planned.definition)
        data = results.data(dataset_id(cell.dataset))
        if not data.exists():
            prepare(cell.dataset, data, None)
        measure(cell, results, device="cpu", back_end=None)
        found = read_document(results.cell(planned.id).estimate, "a test")
        assert found["emc50_budget"] > 1
        assert found["emc50"] is None or found["finish_refused"] is None
        assert found["parameters"] == planned.cell.parameters
