"""Data files that the user places by hand are looked for before anything runs."""

import re
from pathlib import Path

import pytest

from emc.data.lookup import Lookup
from emc.errors import EmcError
from emc.measurement.preflight import preflight, refuse_absent_data
from emc.store.layout import OF_RUNS
from emc.study import StudyPlan, load_file
from emc.study.identity import dataset_id, from_canonical

NET = "{name: mlp, width: 4}"
TABLE = "{name: csv, file: mine.csv, label: kind}"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder that holds nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EMC_DATA_DIR", raising=False)
    return tmp_path


def plan(dataset: str, more: str = "") -> StudyPlan:
    cell = f"{{dataset: {dataset}, architecture: {NET}}}"
    Path("s.yaml").write_text(f"study: s\nsections: {{a: {{cells: [{cell}]}}}}\n{more}")
    return load_file(Path("s.yaml"))


@pytest.mark.parametrize(
    ("dataset", "key", "file"),
    [
        (TABLE, "file", "mine.csv"),
        ("{name: parquet, file: t/mine.parquet, label: kind}", "file", "t/mine.parquet"),
        ("{name: image-folder, folder: mine}", "folder", "mine"),
        ("imagenet", "folder", "imagenet"),
    ],
)
def test_validate_and_snakemake_say_where_was_looked(
    dataset: str, key: str, file: str, here: Path
) -> None:
    wanted = (
        f"s.yaml: section 'a': dataset.{key}: no such file or folder: neither"
        f" results/data/originals/{file} (relative to the folder of downloads) nor {here / file}"
        " (relative to the working folder)"
    )
    study = plan(dataset)
    for look in (lambda: refuse_absent_data(study), lambda: preflight(study, Lookup(OF_RUNS))):
        with pytest.raises(EmcError, match=f"^{re.escape(wanted)}$"):
            look()


def test_the_data_folder_is_named_as_it_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMC_DATA_DIR", "elsewhere")
    with pytest.raises(EmcError, match=r"elsewhere/mine\.csv \(relative to EMC_DATA_DIR\)"):
        refuse_absent_data(plan(TABLE))
    Path("data").mkdir()
    with pytest.raises(EmcError, match=r"data/mine\.csv \(relative to `data_dir`\)"):
        refuse_absent_data(plan(TABLE, "data_dir: data"))


def test_an_address_is_no_file_of_this_machine() -> None:
    study = plan("{name: csv, file: 'https://example.org/wine.csv', label: kind}")
    wanted = "expected a file or folder of this machine, found"
    with pytest.raises(EmcError, match=f"dataset.file: {wanted}.*: download it$"):
        refuse_absent_data(study)


def test_absolute_paths_and_test_folders(here: Path) -> None:
    Path("train").mkdir()
    study = plan(f"{{name: image-folder, folder: train, test_folder: {here}/test}}")
    with pytest.raises(EmcError, match=rf"dataset\.test_folder: no such .*: {here}/test$"):
        refuse_absent_data(study)


@pytest.mark.parametrize("folder", ["nowhere", "/nowhere/at/all"])
def test_a_data_folder_is_there(folder: str, here: Path) -> None:
    study = plan("digits", f"data_dir: {folder}")
    with pytest.raises(EmcError, match=rf"^s\.yaml: data_dir: no such folder: {here / folder}$"):
        refuse_absent_data(study)


@pytest.mark.parametrize("place", [".", "data"])
def test_files_in_the_working_folder_and_in_the_data_folder_are_found(place: str) -> None:
    Path("data").mkdir()
    (Path(place) / "mine.csv").touch()
    refuse_absent_data(plan(TABLE, "data_dir: data"))


def test_what_is_downloaded_or_prepared_is_not_looked_for() -> None:
    refuse_absent_data(plan("mnist"))
    study = plan(TABLE)
    (dataset,) = {planned.cell.dataset for planned in study.cells}
    manifest = Path("results/data", dataset_id(dataset), "manifest.json")
    manifest.parent.mkdir(parents=True)
    manifest.write_text("{}")
    refuse_absent_data(study)


def test_what_could_not_be_prepared_is_looked_for() -> None:
    study = plan(TABLE)
    (dataset,) = {planned.cell.dataset for planned in study.cells}
    manifest = Path("results/data", dataset_id(dataset), "manifest.json")
    manifest.parent.mkdir(parents=True)
    manifest.touch()
    with pytest.raises(EmcError, match=r"mine\.csv"):
        refuse_absent_data(study)


def test_a_job_makes_its_cell_without_looking() -> None:
    (planned,) = plan(TABLE).cells
    assert from_canonical(planned.definition) == planned.cell
