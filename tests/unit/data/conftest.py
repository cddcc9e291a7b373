"""Prepared data sets that many tests look at."""

import os
from pathlib import Path

import pytest
from tests.unit.data.entries import dataset_of

from emc.data import Samples, open_samples
from emc.data.prepare import prepare


@pytest.fixture(scope="session")
def digits_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("digits")
    prepare(dataset_of("digits"), folder, None)
    return folder


@pytest.fixture(scope="session")
def digits(digits_folder: Path) -> Samples:
    return open_samples(digits_folder)


@pytest.fixture(scope="session")
def gaussian(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    folder = tmp_path_factory.mktemp("gaussian")
    prepare(
        dataset_of({"name": "gaussian", "dimension": 7, "samples": 300, "classes": 3}), folder, None
    )
    return open_samples(folder)


@pytest.fixture(scope="session")
def real_data() -> Path:
    folder = os.environ.get("EMC_DATA_DIR")
    if folder is None:
        pytest.skip("EMC_DATA_DIR, the folder of original files, is not set")
    return Path(folder)
