"""What `emc show` says of one cell."""

from pathlib import Path

import pytest
from tests.synthetic import SETTINGS, SyntheticStudy, edit_document, factorial, write_study

from emc.cli.show import print_cell
from emc.errors import EmcError
from emc.records import Failure
from emc.store.failures import write_failure
from emc.store.layout import CellFiles

DECAY = (
    "\nthe weight decay of 'adamw' is no part of the loss: its minima are those of the loss without"
    " it\n"
)


@pytest.fixture
def study(tmp_path: Path) -> SyntheticStudy:
    return write_study(tmp_path, factorial(seed=[0, 1]), unmeasured=1)


@pytest.fixture
def files(study: SyntheticStudy) -> CellFiles:
    """The measured cell's."""
    return study.results.cell(study.planned[0].id)


def said(study: SyntheticStudy, cell: str, capsys: pytest.CaptureFixture[str]) -> str:
    print_cell(cell, study.results.root)
    return capsys.readouterr().out


def test_estimate_and_certificates_with_their_settings(
    study: SyntheticStudy, files: CellFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    text = said(study, files.folder.name, capsys)
    assert text.startswith(f"{files.folder.name}\n")
    assert "emc50" in text
    assert f" certificates of settings {SETTINGS}\n" in text
    assert "failed" not in text


def test_what_makes_a_number_doubtful_is_told(
    study: SyntheticStudy, files: CellFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "best learning rate, " not in said(study, files.folder.name, capsys)
    doubts = {"rate_at_edge": "lowest", "open_matters": True, "misfit": "it dips"}
    edit_document(files.estimate, {**doubts, "one_curve": False})
    text = said(study, files.folder.name, capsys)
    more_work = "a larger finish.effort decides more of them"
    assert f"\nopen runs could move emc50 beyond its tolerance; {more_work}\n" in text
    assert "\none curve does not describe the probes: it dips\n" in text
    assert "\nthe best learning rate, 0.1, is the lowest of its grid\n" in text


@pytest.mark.parametrize(
    ("open_matters", "helps"),
    [
        (True, "a larger finish.effort decides more of them"),
        (False, "more probes, or those of larger n, tell it"),
    ],
)
def test_why_there_is_no_number_at_minima_is_told(
    open_matters: bool,
    helps: str,
    study: SyntheticStudy,
    files: CellFiles,
    capsys: pytest.CaptureFixture[str],
) -> None:
    nothing = {"emc50": None, "high": None, "saturated": False, "misfit": None, "one_curve": True}
    edit_document(files.estimate, {**nothing, "open_matters": open_matters})
    text = said(study, files.folder.name, capsys)
    assert "is known not to fit: there is no number at minima; " + helps in text
    assert "could move" not in text


def test_weight_decay_that_is_no_part_of_the_loss_is_told_of_a_number_at_minima(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kinds: list[object] = ["adamw", {"name": "adamw", "weight_decay": 0}, "adam"]
    study = write_study(tmp_path, factorial(optimizer=kinds))
    told = [DECAY in said(study, one.id, capsys) for one in study.planned]
    assert told == [True, False, False]
    no_number = {"emc50": None, "low": None, "high": None}
    edit_document(study.results.cell(study.planned[0].id).estimate, no_number)
    assert DECAY not in said(study, study.planned[0].id, capsys)


def test_a_plan_of_another_version_says_nothing_of_a_cell(
    study: SyntheticStudy, files: CellFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    before = said(study, files.folder.name, capsys)
    other = study.results.study("another").cells
    other.parent.mkdir(parents=True)
    other.write_bytes(b"of another time")
    assert said(study, files.folder.name, capsys) == before


def test_certificates_of_two_settings_are_told_apart(
    study: SyntheticStudy, files: CellFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    files.certificate("ffff0000").write_bytes(files.certificate(SETTINGS).read_bytes())
    before, first, second = said(study, files.folder.name, capsys).split("certificates of settings")
    assert "verdict" not in before
    assert first.startswith(f" {SETTINGS}\n")
    assert second.startswith(" ffff0000\n")
    assert first.count("lambda_min") == second.count("lambda_min") == 1


def test_a_failed_certification_leaves_the_estimate(
    study: SyntheticStudy, files: CellFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    reason = "net.py, line 7: ValueError: [no] " + "second derivative " * 20 + "is there"
    failure = Failure(files.folder.name, "certify", reason, (files.certificate(SETTINGS).name,))
    write_failure(files.failure(f"certify-{SETTINGS}"), failure)
    tested = Failure(files.folder.name, "generalise", "odd", ())
    write_failure(files.failure("generalise-3"), tested)
    text = said(study, files.folder.name, capsys)
    assert "emc50" in text
    assert f"\ncertify failed (settings {SETTINGS}): {reason}\n" in text
    assert text.endswith("\ngeneralise failed (seeds 3): odd\n")
    assert "certificates" not in text


def test_a_cell_whose_measurement_failed(
    study: SyntheticStudy, capsys: pytest.CaptureFixture[str]
) -> None:
    cell = study.planned[1].id
    outputs = ("estimate.json", "probes.parquet")
    path = study.results.cell(cell).failure("measure")
    write_failure(path, Failure(cell, "measure", "odd", outputs))
    assert said(study, cell, capsys) == f"{cell}\nfailed, 0 probes so far. odd\n"


def test_a_damaged_failure_is_named_and_the_rest_is_shown(
    study: SyntheticStudy, files: CellFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    files.failure(f"certify-{SETTINGS}").write_text("{")
    text = said(study, files.folder.name, capsys)
    assert "emc50" in text
    assert f"certify failed (settings {SETTINGS}): " in text
    assert f"failure-certify-{SETTINGS}.json: damaged (" in text
    assert f"`emc retry STUDY {files.folder.name}` clears it" in text


@pytest.mark.parametrize("content", [b"", b"{", b'{"colour": "red"}'])
def test_a_damaged_estimate_is_an_error(
    study: SyntheticStudy, files: CellFiles, content: bytes
) -> None:
    files.estimate.write_bytes(content)
    with pytest.raises(EmcError, match=r"estimate\.json.*`emc run .*"):
        print_cell(files.folder.name, study.results.root)


def test_the_answer_of_another_cell_is_an_error(study: SyntheticStudy, files: CellFiles) -> None:
    edit_document(files.estimate, {"cell": "copied-by-hand"})
    with pytest.raises(
        EmcError,
        match=r"estimate\.json: expected the answer of its folder's cell, found that of"
        r" 'copied-by-hand', as a file copied by hand has it; remove it: `emc run STUDY` remakes"
        r" it$",
    ):
        print_cell(files.folder.name, study.results.root)


def test_an_emptied_certificate_is_an_error(study: SyntheticStudy, files: CellFiles) -> None:
    files.certificate(SETTINGS).write_bytes(b"")
    with pytest.raises(
        EmcError,
        match=rf"{SETTINGS}\.parquet: .*remove it: `emc run .*",
    ):
        print_cell(files.folder.name, study.results.root)


def test_a_folder_in_the_place_of_a_certificate_is_an_error(
    study: SyntheticStudy, files: CellFiles
) -> None:
    files.certificate(SETTINGS).unlink()
    files.certificate(SETTINGS).mkdir()
    with pytest.raises(
        EmcError,
        match=rf"{SETTINGS}\.parquet: .*remove it: `emc run .*",
    ):
        print_cell(files.folder.name, study.results.root)


def test_a_cell_that_is_not_there(study: SyntheticStudy) -> None:
    with pytest.raises(EmcError, match=r"cell 'nonsense': none of 1 cell in .* begins so"):
        print_cell("nonsense", study.results.root)
