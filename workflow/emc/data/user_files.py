"""Data files that the user places by hand: whether they are where a study says."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from emc.data.manifest import MANIFEST
from emc.store.layout import OF_RUNS
from emc.study.datasets import Columns, DataSet, ImageFolder, ImageNet
from emc.study.expand import PlannedCell
from emc.study.faults import StudyFault
from emc.study.identity import dataset_id

DATA_DIR: Final = "EMC_DATA_DIR"
"""Environment variable: the folder of originals of the studies that name none."""


def absent_data(data_dir: str | None, cells: Iterable[PlannedCell]) -> list[StudyFault]:
    """The data folder, files and folders that a study names and that are not there.

    What can be downloaded is left out, and so is a data set that was prepared already.
    """
    if data_dir is not None and not Path(data_dir).expanduser().is_dir():
        missing = Path.cwd() / Path(data_dir).expanduser()
        return [StudyFault("", "data_dir", f"no such folder: {missing}")]
    places = user_places(data_dir)
    asked = {
        planned.cell.dataset: planned.sections[0]
        for planned in cells
        if isinstance(planned.cell.dataset, Columns | ImageNet | ImageFolder)
    }
    return [
        StudyFault(f"section {section!r}", f"dataset.{key}", _absence(wanted, places[0], data_dir))
        for dataset, section in asked.items()
        if not is_prepared(OF_RUNS.data(dataset_id(dataset)))
        for key, wanted in _user_files(dataset)
        if not any((place / wanted).exists() for place in places)
    ]


def user_places(data_dir: str | None) -> tuple[Path, Path]:
    """Where the user's own files are looked for: the data folder, then the working folder."""
    return Path(originals(data_dir, os.environ)).expanduser(), Path.cwd()


def originals(data_dir: str | None, environment: Mapping[str, str]) -> str:
    """The folder of originals: a study's, else the environment's, else that of downloads."""
    return data_dir or environment.get(DATA_DIR) or str(OF_RUNS.data("originals"))


def is_prepared(folder: Path) -> bool:
    """Whether a data set lies in its folder; a preparation that failed leaves an empty manifest."""
    manifest = folder / MANIFEST
    return manifest.is_file() and manifest.stat().st_size > 0


def _user_files(dataset: DataSet) -> Iterator[tuple[str, Path]]:
    """Keys that name a file or folder of the user's, and what they name."""
    for key in ("file", "folder", "test_folder"):
        if path := getattr(dataset, key, None):
            yield key, Path(path).expanduser()


def _absence(wanted: Path, folder: Path, data_dir: str | None) -> str:
    if re.match("[a-z]+:/", str(wanted)):
        return (
            f"expected a file or folder of this machine, found an address ({wanted}): download it"
        )
    if wanted.is_absolute():
        return f"no such file or folder: {wanted}"
    place = "`data_dir`" if data_dir else DATA_DIR
    if not (data_dir or os.environ.get(DATA_DIR)):
        place = "the folder of downloads"
    return (
        f"no such file or folder: neither {folder / wanted} (relative to {place}) nor"
        f" {Path.cwd() / wanted} (relative to the working folder)"
    )
