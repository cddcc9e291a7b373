"""The made-up study of the warehouse's tests, and its page."""

from pathlib import Path

import pytest
from tests.synthetic import SyntheticStudy
from tests.unit.warehouse.conftest import study, warehouse

from emc.report import write_page

__all__ = ["study", "warehouse"]

TITLE = 'A </script><script>alert("title")</script> & its "page"'


@pytest.fixture(scope="session")
def page(study: SyntheticStudy) -> Path:
    """The written page."""
    path = study.results.study(study.name).page
    write_page(study.database, path, study.name, TITLE, "config/made-up.yaml")
    return path
