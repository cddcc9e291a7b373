"""What a study knows of the user's own data before they are prepared, and after."""

import re
from pathlib import Path

import polars as pl
import pytest
from tests.plugin_files import plugin_file
from tests.unit.data.formats import image_tree

from emc.data.lookup import Lookup, open_study
from emc.data.prepare import prepare
from emc.errors import EmcError
from emc.store.layout import Results
from emc.study import PlannedCell, load_file
from emc.study.datasets import Facts
from emc.study.factors import levels
from emc.study.identity import dataset_id

SIZES = ("dataset", "classes", "samples", "parameters", "trainable", "bits")
TABLE = "{name: csv, file: wine.csv, label: kind, categorical: [colour]}"
PLUGIN = """
import numpy as np

@emc.dataset("rings")
def rings(samples: int = 20):
    return np.arange(3 * samples).reshape(samples, 3), np.arange(samples) % 4
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EMC_DATA_DIR", raising=False)
    rows = "".join(f"{1.5 * n},{'xyz'[n % 3]},{'ab'[n % 2]}\n" for n in range(30))
    Path("wine.csv").write_text("acid,colour,kind\n" + rows)
    image_tree(Path("pets"), {"cat": 10, "dog": 5})
    plugin_file(Path("rings.py"), PLUGIN)
    return tmp_path


def planned(
    *datasets: str, net: str = "{name: mlp, width: 4}", more: str = ""
) -> list[PlannedCell]:
    cells = ", ".join(f"{{dataset: {one}, architecture: {net}{more}}}" for one in datasets)
    Path("s.yaml").write_text(
        f"study: s\nplugins: [rings.py]\nsections: {{a: {{cells: [{cells}]}}}}\n"
    )
    return list(open_study(Path("s.yaml"), Path("results")).cells)


def sizes(one: PlannedCell) -> list[object]:
    return [levels(one.cell)[name] for name in SIZES]


def mlp(inputs: int, width: int, classes: int) -> int:
    """Parameters with two hidden layers."""
    return (inputs + 1) * width + (width + 1) * width + (width + 1) * classes


CASES = [
    # One number and three colours; of each class of 15, three are held out.
    (TABLE, "wine", 4, 2, 24),
    (TABLE.replace("file", "called: red, file"), "red", 4, 2, 24),
    ("{name: parquet, file: wine.parquet, label: kind}", "wine", 2, 2, 24),
    ("{name: image-folder, folder: pets, size: 4}", "pets", 48, 2, 12),
    ("{name: image-folder, folder: pets, size: 4, classes: 2}", "pets", 48, 2, 12),
    ("rings", "rings", 3, 4, 16),
    ("{name: rings, samples: 40, called: wide}", "wide", 3, 4, 32),
]


@pytest.mark.parametrize("case", CASES)
def test_sizes_are_known_before_the_data_are_prepared_and_after(
    case: tuple[str, str, int, int, int], here: Path
) -> None:
    dataset, name, inputs, classes, samples = case
    pl.DataFrame(
        {"a": range(30), "b": [n * n for n in range(30)], "kind": ["u", "v"] * 15}
    ).write_parquet("wine.parquet")
    parameters = mlp(inputs, 4, classes)
    wanted = [name, classes, samples, parameters, parameters, 32 * parameters]
    (before,) = planned(dataset)
    assert sizes(before) == wanted
    assert before.id.startswith(f"{name}-original-mlp4-relu-sgd-")
    own = before.cell.dataset
    prepare(own, Path("results/data") / dataset_id(own), here)
    Path("wine.csv").unlink()
    assert sizes(planned(dataset)[0]) == wanted


@pytest.mark.parametrize(("dataset", "inputs", "classes"), [(c[0], c[2], c[3]) for c in CASES[:2]])
def test_params_finds_the_width(dataset: str, inputs: int, classes: int) -> None:
    (found,) = planned(dataset, net="{name: mlp, params: 500}")
    nearest = min(range(1, 60), key=lambda width: abs(mlp(inputs, width, classes) - 500))
    (same,) = planned(dataset, net=f"{{name: mlp, width: {nearest}}}")
    assert found.id == same.id


def test_params_of_data_that_cannot_be_read() -> None:
    wrong = TABLE.replace("kind", "kin")
    assert sizes(planned(wrong)[0]) == ["wine", None, None, None, None, None]
    wanted = (
        "architecture: 'params': the inputs of the data set are not known: wine.csv: no column"
        " 'kin'; did you mean 'kind'?"
    )
    with pytest.raises(EmcError, match=re.escape(wanted)):
        planned(wrong, net="{name: mlp, params: 500}")
    with pytest.raises(EmcError, match="'params': expected a known input shape"):
        load_file(Path("s.yaml"))


def test_what_does_not_suit_the_data_is_told_at_once() -> None:
    with pytest.raises(EmcError, match="labels: expected at most 2 classes, found 5"):
        planned(TABLE, more=", labels: {classes: 5}")
    with pytest.raises(
        EmcError, match="smallest: expected at most the 24 samples there are, found 25"
    ):
        planned(TABLE, more=", search: {smallest: 25}")
    with pytest.raises(EmcError, match="'cnn': expected images"):
        planned(TABLE, net="{name: cnn, width: 4}")


@pytest.mark.parametrize(
    "other",
    [
        TABLE.replace("wine.csv", "old/wine.csv"),
        TABLE.replace("kind, categorical: [colour]", "colour, exclude: [kind]"),
        "{name: image-folder, folder: old/wine}",
        "{name: rings, called: wine}",
    ],
)
def test_two_sources_of_one_name_are_refused(other: str) -> None:
    with pytest.raises(EmcError, match=r"are both called 'wine': give one of them .* `called: NA"):
        planned(TABLE, other)
    assert (
        len(planned(TABLE, other.replace("{", "{called: white, ").replace(", called: wine", "")))
        == 2
    )


def test_two_readings_of_one_file_share_its_name() -> None:
    one, other = planned(*(f"{{name: image-folder, folder: pets, size: {n}}}" for n in (2, 4)))
    assert one.id != other.id
    assert dataset_id(one.cell.dataset) != dataset_id(other.cell.dataset)


def test_a_table_is_read_once_for_all_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[object] = []
    whole = "emc.data.lookup.examine"
    from emc.data.prepare import examine

    monkeypatch.setattr(whole, lambda *given: (read.append(given), examine(*given))[1])
    lookup = Lookup(Results(Path("results")))
    cells = planned(TABLE)
    read.clear()
    Path("s.yaml").write_text(
        Path("s.yaml")
        .read_text()
        .replace(
            "width: 4",
            "width: 4}, seed: 1}, {dataset: " + TABLE + ", architecture: {name: mlp, width: 9",
        )
    )
    plan = load_file(Path("s.yaml"), lookup.facts)
    assert [one.cell.known for one in plan.cells] == 2 * [Facts((4,), 2, 24)]
    assert len(cells) == len(read) == 1
