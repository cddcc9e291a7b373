"""The command line as it is typed."""

from pathlib import Path

import pytest

from emc.cli.boundary import guarded
from emc.cli.main import app


def emc(*arguments: str) -> int:
    return guarded(lambda: app(arguments, standalone_mode=False))


def test_two_forms_of_an_answer_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert emc("query", str(tmp_path / "any.yaml"), "SELECT 1", "--csv", "--json") == 2
    said = "error: --csv and --json: one form can be printed, both are asked for\n"
    assert capsys.readouterr() == ("", said)
