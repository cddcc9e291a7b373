"""What is no folder where results should lie, told by every command that looks there."""

from pathlib import Path

import pytest

from emc.cli.boundary import guarded
from emc.cli.main import app
from emc.cli.results_folder import results_folder
from emc.errors import EmcError

STUDY = "study: s\nsections: {a: {cells: [{dataset: digits, architecture: linear}]}}\n"
COMMANDS = [
    ["plan", "s.yaml"],
    ["resources", "s.yaml"],
    ["retry", "s.yaml", "--all"],
    ["show", "digits"],
    ["results", "s.yaml"],
    ["query", "s.yaml", "SELECT 1"],
    ["compare", "s.yaml", "s.yaml"],
    ["nets", "s.yaml"],
]


@pytest.mark.parametrize("command", [*COMMANDS, ["run", "s.yaml"]], ids=lambda words: words[0])
@pytest.mark.parametrize("place", ["results", "results/cells", "results/data", "results/studies"])
def test_a_file_in_the_place_of_a_folder_is_told(
    command: list[str],
    place: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("s.yaml").write_text(STUDY)
    Path(place).parent.mkdir(exist_ok=True)
    Path(place).write_text("notes")
    assert guarded(lambda: app(command, standalone_mode=False)) == 2
    told = capsys.readouterr()
    found = tmp_path / place if command[0] == "run" else place
    wanted = "expected a folder of results, or nothing yet, found a file: move it away"
    assert told.err == f"error: {found}: {wanted}\n"
    assert told.out == ""


def test_a_folder_that_is_not_there_yet_is_taken(tmp_path: Path) -> None:
    assert results_folder(str(tmp_path / "new")) == tmp_path / "new"


def test_a_link_to_nothing_is_told(tmp_path: Path) -> None:
    link = tmp_path / "results"
    link.symlink_to(tmp_path / "gone")
    with pytest.raises(EmcError, match=r"results: expected a folder, found a link to nothing$"):
        results_folder(str(link))
