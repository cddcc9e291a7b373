"""Tables and folders of the user's are opened before anything is computed."""

import re
from pathlib import Path

import pytest
from tests.unit.data.formats import image_tree

from emc.cli.validate import print_summary
from emc.data.lookup import Lookup
from emc.data.prepare import prepare
from emc.data.user_data import examine_user_data
from emc.errors import EmcError
from emc.store.layout import OF_RUNS
from emc.study import StudyPlan, load_file
from emc.study.identity import dataset_id

ROWS = "x,kind\n" + "".join(f"{1.5 * n},{'ab'[n % 2]}\n" for n in range(20))
TABLE = "{name: csv, file: mine.csv, label: kind}"
NET = "architecture: {name: mlp, width: 4}"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EMC_DATA_DIR", raising=False)
    return tmp_path


def plan(*datasets: str, more: str = "") -> StudyPlan:
    cells = ", ".join(f"{{dataset: {dataset}, {NET}}}" for dataset in datasets)
    Path("s.yaml").write_text(f"study: s\nsections: {{a: {{cells: [{cells}]}}}}\n{more}")
    return load_file(Path("s.yaml"))


def told_of(study: StudyPlan) -> list[str]:
    return examine_user_data(study, Lookup(OF_RUNS)).warnings


def test_a_wrong_label_is_told_by_validate() -> None:
    Path("mine.csv").write_text(ROWS)
    wanted = "s.yaml: section 'a': dataset: mine.csv: no column 'kin'; did you mean 'kind'?"
    with pytest.raises(EmcError, match=f"^{re.escape(wanted)}"):
        print_summary(plan(TABLE.replace("kind", "kin")), Lookup(OF_RUNS))


@pytest.mark.parametrize(
    ("sizes", "called"), [("", True), (", shape=(2,), classes=2", False)], ids=["unknown", "said"]
)
def test_a_plug_ins_data_are_looked_at_where_their_sizes_are_not_said(
    sizes: str, called: bool
) -> None:
    """A linear model's size hangs on no data, so that nothing else would look at them."""
    Path("mine.py").write_text(
        f"import emc, torch\n\n@emc.dataset('mine'{sizes})\ndef mine():\n"
        "    return torch.full((9, 2), float('nan')), torch.arange(9) % 2\n"
    )
    cells = "{dataset: mine, architecture: linear}"
    Path("s.yaml").write_text(
        f"study: s\nplugins: [mine.py]\nsections: {{a: {{cells: [{cells}]}}}}\n"
    )
    study = load_file(Path("s.yaml"))
    if not called:
        assert told_of(study) == []
        return
    wanted = (
        "s.yaml: section 'a': dataset: mine.py, line 3: dataset 'mine': input 0 is not finite:"
        " expected finite numbers below 3.4e38"
    )
    with pytest.raises(EmcError, match=f"^{re.escape(wanted)}$"):
        told_of(study)


def test_all_faults_are_told_at_once() -> None:
    Path("mine.csv").write_text(ROWS)
    Path("other.csv").write_text("x,kind\n1,a\nmany,b\n")
    image_tree(Path("images/train/train"), {"a": 2, "b": 2})
    image_tree(Path("images/train/val"), {"a": 2, "b": 2})
    image_tree(Path("images/train/test"), {"a": 2, "b": 2})
    folder = "{name: image-folder, folder: images/train}"
    study = plan(
        TABLE, TABLE.replace("mine", "other"), TABLE.replace("kind}", "none, called: n}"), folder
    )
    with pytest.raises(EmcError, match="no column 'none'") as told:
        told_of(study)
    lines = str(told.value).splitlines()
    assert len(lines) == 3
    assert "other.csv: line 2, column 'kind': each of 2 rows" not in lines
    assert any("give `folder: images/train/train`" in line for line in lines)


def test_what_is_accepted_but_surprising_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.csv").write_text(ROWS + "7,rare\n")
    study = plan(TABLE)
    note = "mine.csv: 1 of 3 classes have no test sample (a fifth of each is held out:"
    assert [text.startswith(note) for text in told_of(study)] == [True]
    print_summary(study, Lookup(OF_RUNS))
    assert capsys.readouterr().err.startswith(f"s.yaml: warning: {note}")


def test_what_was_prepared_is_not_opened_again(here: Path) -> None:
    Path("mine.csv").write_text(ROWS + "7,rare\n")
    study = plan(TABLE)
    dataset = study.cells[0].cell.dataset
    notes = told_of(study)
    prepare(dataset, Path("results/data") / dataset_id(dataset), here)
    Path("mine.csv").unlink()
    assert [note.replace(f"{here}/", "") for note in told_of(study)] == notes


@pytest.mark.parametrize("prepared", [True, False])
def test_a_study_that_tests_on_new_samples_wants_a_test_sample(here: Path, prepared: bool) -> None:
    Path("mine.csv").write_text("x,kind\n1,a\n2,a\n3,b\n5,b\n")
    dataset = plan(TABLE).cells[0].cell.dataset
    if prepared:
        prepare(dataset, Path("results/data") / dataset_id(dataset), here)
    wanted = (
        "s.yaml: section 'a': generalisation: mine.csv: expected test samples, found none: a fifth"
        " of each class is held out"
    )
    with pytest.raises(EmcError, match=f"^{re.escape(wanted)}"):
        told_of(plan(TABLE, more="generalisation: {}"))
    assert len(told_of(plan(TABLE))) == 1


def test_other_data_sets_are_left_alone() -> None:
    assert told_of(plan("mnist", "{name: gaussian, dimension: 3}")) == []


PHOTOS = "{name: image-folder, folder: photos}"


def test_every_broken_image_is_told_with_its_path(here: Path) -> None:
    image_tree(Path("photos"), {"ant": 8, "bee": 9})
    for name in ("ant/00003.png", "bee/00008.png"):
        path = Path("photos") / name
        path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(EmcError, match="no readable image") as told:
        told_of(plan(PHOTOS))
    lines = str(told.value).splitlines()
    assert all(line.startswith("s.yaml: section 'a': dataset: photos/") for line in lines)
    assert ["ant/00003.png" in lines[0], "bee/00008.png" in lines[1]] == [True, True]


def test_what_was_seen_of_images_is_told_by_validate_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    image_tree(Path("photos"), {"ant": 8, "bee": 9})
    print_summary(plan(PHOTOS), Lookup(OF_RUNS))
    captured = capsys.readouterr()
    assert captured.out.startswith("photos: all 17 images were decoded\n")
    assert captured.err == ""


def test_images_that_are_prepared_are_not_opened_again(here: Path) -> None:
    image_tree(Path("photos"), {"ant": 8, "bee": 9})
    study = plan(PHOTOS)
    dataset = study.cells[0].cell.dataset
    prepare(dataset, Path("results/data") / dataset_id(dataset), here)
    assert examine_user_data(study, Lookup(OF_RUNS)).looked_at == []
