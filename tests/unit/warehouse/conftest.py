"""One made-up study with its database, shared by all tests of the floor."""

from collections.abc import Iterator

import pytest
from tests.synthetic import (
    GENERALISATION_SEEDS,
    SETTINGS,
    SyntheticStudy,
    full_study,
    write_generalisation,
    write_study,
)

from emc.warehouse import Warehouse, build, open_database


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> SyntheticStudy:
    folder = tmp_path_factory.mktemp("results")
    made = write_study(folder, full_study(), unmeasured=2, uncertified=1)
    write_generalisation(made)
    build(made.database, made.cells, made.results, SETTINGS, seeds=GENERALISATION_SEEDS)
    return made


@pytest.fixture(scope="session")
def warehouse(study: SyntheticStudy) -> Iterator[Warehouse]:
    with open_database(study.database) as opened:
        yield opened
