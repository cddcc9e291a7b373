"""A user's table that changes under its name is told of before anything runs."""

import os
import re
from pathlib import Path

import pytest

from emc.cli.plan import print_summary
from emc.data.changed import refuse_changed
from emc.data.prepare import prepare
from emc.errors import EmcError
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
        print_summary(plan)


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
