"""A user's table or folder that changes under its name is told of before anything runs."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.data.formats import image_tree

from emc.cli.validate import print_summary
from emc.data.changes import refuse_changed
from emc.data.lookup import Lookup
from emc.data.prepare import prepare
from emc.errors import EmcError
from emc.store.layout import OF_RUNS
from emc.study import StudyPlan, load_file
from emc.study.identity import dataset_id

ROWS = "x,kind\n" + "".join(f"{n},{'ab'[n % 2]}\n" for n in range(40))
STUDY = """
study: s
sections:
  a:
    cells:
      - dataset: {name: csv, file: mine.csv, label: kind}
        architecture: {name: mlp, width: 4}
"""


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EMC_DATA_DIR", str(tmp_path))
    Path("s.yaml").write_text(STUDY)
    path = tmp_path / "mine.csv"
    path.write_text(ROWS)
    return path


@pytest.fixture
def plan(table: Path) -> StudyPlan:
    return load_file(Path("s.yaml"))


@pytest.fixture
def prepared(plan: StudyPlan, table: Path) -> Path:
    folder = Path("results/data") / dataset_id(plan.cells[0].cell.dataset)
    prepare(plan.cells[0].cell.dataset, folder, table.parent)
    return folder


def younger(path: Path, than: Path) -> None:
    date = than.stat().st_mtime + 10
    os.utime(path, (date, date))


def test_a_table_that_was_never_prepared_may_change(plan: StudyPlan) -> None:
    refuse_changed(plan)


def test_another_content_is_refused(plan: StudyPlan, table: Path, prepared: Path) -> None:
    table.write_text(ROWS + "41,a\n")
    younger(table, prepared / "manifest.json")
    message = (
        f"s.yaml: section 'a': dataset.file: {re.escape(str(table))} has changed since"
        f" {re.escape(str(prepared))} was prepared from it: give it another name"
    )
    with pytest.raises(EmcError, match=message):
        refuse_changed(plan)
    with pytest.raises(EmcError, match=message):
        print_summary(plan, Lookup(OF_RUNS))


def test_another_date_or_no_file_is_no_change(plan: StudyPlan, table: Path, prepared: Path) -> None:
    younger(table, prepared / "manifest.json")
    refuse_changed(plan)
    table.unlink()
    refuse_changed(plan)


def test_what_could_not_be_prepared_may_be_mended(
    plan: StudyPlan, table: Path, prepared: Path
) -> None:
    (prepared / "manifest.json").write_bytes(b"")
    table.write_text(ROWS + "41,a\n")
    refuse_changed(plan)


def test_an_older_table_in_its_place_is_another_content(
    plan: StudyPlan, table: Path, prepared: Path
) -> None:
    other = table.with_name("older.csv")
    other.write_text(ROWS.replace("3,", "4,"))
    os.utime(other, (1, 1))
    manifest = prepared / "manifest.json"
    os.utime(manifest, (1e9, 1e9))
    other.replace(table)
    with pytest.raises(EmcError, match=r"mine\.csv has changed since"):
        refuse_changed(plan)


FOLDER = STUDY.replace("{name: csv, file: mine.csv, label: kind}", "{entry}")


@pytest.fixture(params=["image-folder", "with tests", "imagenet"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A prepared folder of images; the answer is where its last tree lies."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EMC_DATA_DIR", str(tmp_path))
    entry = {
        "image-folder": "{name: image-folder, folder: mine, size: 4}",
        "with tests": "{name: image-folder, folder: mine, test_folder: tests, size: 4}",
        "imagenet": "{name: imagenet, folder: mine, size: 4, classes: 2}",
    }[request.param]
    roots = {
        "image-folder": ["mine"],
        "with tests": ["mine", "tests"],
        "imagenet": ["mine/train", "mine/val"],
    }[request.param]
    for root in roots:
        image_tree(tmp_path / root, {"ant": 5, "bee": 5})
    Path("s.yaml").write_text(FOLDER.replace("{entry}", entry))
    dataset = load_file(Path("s.yaml")).cells[0].cell.dataset
    prepare(dataset, Path("results/data") / dataset_id(dataset), tmp_path)
    return tmp_path / roots[-1]


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "ant/00001.png").unlink(),
        lambda root: (root / "bee/more.png").write_bytes((root / "bee/00000.png").read_bytes()),
        lambda root: (root / "ant/00001.png").write_bytes((root / "bee/00001.png").read_bytes()),
        lambda root: (root / "ant/00001.png").rename(root / "ant/9.png"),
    ],
)
def test_other_images_are_refused(folder: Path, change: Callable[[Path], None]) -> None:
    plan = load_file(Path("s.yaml"))
    refuse_changed(plan)
    change(folder)
    wanted = (
        rf"^s\.yaml: section 'a': dataset\.(test_)?folder: {re.escape(str(folder))} has changed"
        r" since results/data/\S+ was prepared from it: give it another name"
    )
    with pytest.raises(EmcError, match=wanted):
        refuse_changed(plan)


def test_other_dates_or_no_folder_are_no_change(folder: Path) -> None:
    for path in folder.rglob("*.png"):
        os.utime(path, (5, 5))
    refuse_changed(load_file(Path("s.yaml")))
    for name in ("mine", "tests"):
        if Path(name).exists():
            Path(name).rename(f"{name}-elsewhere")
    refuse_changed(load_file(Path("s.yaml")))
