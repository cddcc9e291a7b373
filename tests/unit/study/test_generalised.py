"""Which cells of a study are tested on new samples."""

from pathlib import Path

import pytest

from emc.errors import EmcError
from emc.study import StudyPlan, load_file

STUDY = """
study: s
defaults: {dataset: digits, architecture: {name: mlp, depth: 1, width: 4}}
sections:
  a: {grid: {labels: [original, random, {noisy: 0.2}]}}
  b: {grid: {seed: [0, 1]}}
"""


def plan(folder: Path, more: str) -> StudyPlan:
    file = folder / "study.yaml"
    file.write_text(STUDY + more)
    return load_file(file)


def asked_of(folder: Path, more: str) -> tuple[int, list[int]]:
    """How many runs, and the seeds of the cells."""
    made = plan(folder, more)
    return made.generalised_seeds, [planned.cell.seed for planned in made.generalised]


def test_cells_with_original_labels_are_once_each(tmp_path: Path) -> None:
    assert asked_of(tmp_path, "") == (0, [])
    assert asked_of(tmp_path, "generalisation: {}") == (3, [0, 1])
    assert asked_of(tmp_path, "generalisation: {seeds: 5, sections: [a]}") == (5, [0])


def test_it_changes_no_cell(tmp_path: Path) -> None:
    ids = [[one.id for one in plan(tmp_path, more).cells] for more in ("", "generalisation: {}")]
    assert ids[0] == ids[1]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("{sections: [aa]}", r"sections: expected one of .*, found the section 'aa'"),
        ("{sections: []}", "generalisation: no cell that it asks for has labels 'original'"),
        ("{seeds: 0}", "generalisation.seeds: expected a number not below 1, found 0"),
        (
            "{seed: 3}",
            "generalisation: expected one of .*, found the key 'seed'; did you mean 'seeds'",
        ),
        ("3", "generalisation: expected a mapping, found 3"),
    ],
)
def test_what_cannot_be_asked(tmp_path: Path, asked: str, message: str) -> None:
    with pytest.raises(EmcError, match=message):
        plan(tmp_path, f"generalisation: {asked}")


def test_an_excerpt_may_have_nothing_to_test(tmp_path: Path) -> None:
    plan(tmp_path, "  c: {cells: [{labels: random, seed: 7}]}\ngeneralisation: {}\n")
    part = tmp_path / "part.yaml"
    part.write_text("study: part\npart_of: study.yaml\nsections: [c]\n")
    assert load_file(part).generalised == ()
