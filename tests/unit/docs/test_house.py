"""Functions stay short, and the table of floors has all of them."""

import re
from pathlib import Path
from statistics import median

import pytest
from tests.house import PACKAGE, floors, functions, imports

TABLES = (Path(__file__).parents[3] / "docs/house.md").read_text()


def test_functions_are_short() -> None:
    lengths = dict(functions(PACKAGE))
    assert median(lengths.values()) <= 7
    assert {place: lines for place, lines in lengths.items() if lines > 60} == {}


def test_the_table_has_every_floor() -> None:
    now = TABLES.partition("At the head")[2].partition("At `397e765`")[0]
    rows = re.findall(r"^\| ([a-z_]+) \|", now, flags=re.MULTILINE)
    assert sorted(set(rows) - {"floor"}) == sorted(floors(PACKAGE))


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A floor of one module above a floor of one function."""
    (tmp_path / "__init__.py").touch()
    (tmp_path / "low").mkdir()
    (tmp_path / "low/sums.py").write_text(
        'class Sums:\n    @staticmethod\n    def add(a, b):\n        """Both,\n        as one."""\n'
        "        return a + b\n"
    )
    (tmp_path / "high.py").write_text(
        "import emc\nfrom emc.low.sums import Sums\n\ndef later():\n    from emc.low import sums\n"
    )
    return tmp_path


def test_imports_inside_functions_count_and_those_of_the_package_do_not(package: Path) -> None:
    found = floors(package)
    assert {name: len(files) for name, files in found.items()} == {"high": 1, "low": 1}
    assert imports(found["high"], "high") == {"low": 2}
    assert imports(found["low"], "low") == {}


def test_docstrings_and_decorators_are_no_lines_of_a_function(package: Path) -> None:
    assert dict(functions(package)) == {"high.py:4 later": 2, "low/sums.py:3 add": 2}
