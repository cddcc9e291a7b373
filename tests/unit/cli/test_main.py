"""The command line as it is typed."""

from pathlib import Path

import pytest

from emc.cli.boundary import guarded
from emc.cli.main import app


def emc(*arguments: str) -> int:
    return guarded(lambda: app(arguments, standalone_mode=False))


def test_a_data_set_drawn_without_a_class_is_told_beforehand(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = tmp_path / "any.yaml"
    dataset = "{name: gaussian, dimension: 3, samples: 6, classes: 5}"
    cell = f"{{dataset: {dataset}, architecture: {{name: mlp, width: 4}}}}"
    study.write_text(f"study: any\nsections: {{a: {{cells: [{cell}]}}}}\n")
    assert emc("validate", str(study)) == 2
    out, said = capsys.readouterr()
    assert not out
    assert said.startswith(f"error: {study}: section 'a', cell gaussian-original-mlp4-relu-sgd-")
    assert ": dataset: 'samples' 6 are drawn from only 4 of 'classes' 5: give more samples" in said


def test_two_forms_of_an_answer_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert emc("query", str(tmp_path / "any.yaml"), "SELECT 1", "--csv", "--json") == 2
    said = "error: --csv and --json: one form can be printed, both are asked for\n"
    assert capsys.readouterr() == ("", said)


@pytest.mark.parametrize("count", ["inf", "1e400"])
def test_a_count_of_parameters_is_finite(
    count: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("emc.cli.nets.sized", lambda *_: pytest.fail("it may look for ever"))
    assert emc("nets", "--params", count) == 2
    assert capsys.readouterr() == ("", "error: --params: expected a finite count, found inf\n")
