"""Studies that are some sections of another one."""

from pathlib import Path

import pytest

from emc.errors import EmcError
from emc.study import load_file

WHOLE = """
study: whole
title: All of it
presets: {short: {budget: {epochs: 3}}}
defaults: {preset: short, dataset: digits, architecture: {name: mlp, width: 4}}
sections:
  a: {grid: {seed: [1, 2]}}
  b: {cells: [{activation: tanh}]}
  c: {cells: [{activation: silu}]}
claims: [{name: one, compare: activation, levels: [tanh, silu], expect: greater}]
generalisation: {seeds: 2, sections: [b, c]}
"""


def loaded(folder: Path, part: str, whole: str = WHOLE):
    (folder / "whole.yaml").write_text(whole)
    (folder / "part.yaml").write_text(part)
    return load_file(folder / "part.yaml")


def test_a_part_has_the_cells_of_its_sections(tmp_path: Path) -> None:
    plan = loaded(tmp_path, "{study: part, part_of: whole.yaml, sections: [b, a]}")
    whole = load_file(tmp_path / "whole.yaml")
    assert plan.name == "part"
    assert plan.part_of == tmp_path / "whole.yaml"
    assert plan.study.title == "All of it"
    wanted = {one.id for one in whole.cells if one.sections[0] in {"a", "b"}}
    assert {one.id for one in plan.cells} == wanted
    assert plan.cells[0].sections == ("b",)
    assert plan.cells[0].cell.budget.epochs == 3


def test_a_part_tests_what_the_whole_does_of_it(tmp_path: Path) -> None:
    plan = loaded(tmp_path, "{study: part, part_of: whole.yaml, sections: [a, c]}")
    assert [one.sections for one in plan.generalised] == [("c",)]
    assert plan.generalised_seeds == 2
    plan = loaded(tmp_path, "{study: part, part_of: whole.yaml, sections: [a], title: T}")
    assert plan.generalised == ()
    assert plan.study.title == "T"
    assert plan.study.claims == []


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("sections: [d]", "sections: expected one of a, b, c, found the section 'd', in .*whole"),
        ("sections: []", "part.yaml: sections: expected at least one entry"),
        ("sections: {a: {}}", "part.yaml: sections: expected a list"),
        (
            "sections: [a], defaults: {}",
            "expected one of study, title, emc_version, part_of, .*, found the key 'defaults'",
        ),
        ("", "part.yaml: sections: is missing"),
    ],
)
def test_faults_of_a_part(keys: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(EmcError, match=message):
        loaded(tmp_path, f"{{study: part, part_of: whole.yaml, {keys}}}")


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("other.yaml", "part.yaml: part_of: .*other.yaml: no such study file"),
        ("../whole.yaml", "part.yaml: part_of: expected a file in the same folder"),
        ("part.yaml", "part.yaml: part_of: .*part.yaml is itself part of 'part.yaml'"),
    ],
)
def test_the_whole_is_a_whole_study_beside_it(file: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(EmcError, match=message):
        loaded(tmp_path, f"{{study: part, part_of: {file}, sections: [a]}}")


def test_faults_of_the_whole_name_its_file(tmp_path: Path) -> None:
    with pytest.raises(EmcError, match=r"whole.yaml: expected one of .*, found the key 'sectons'"):
        loaded(tmp_path, "{study: p, part_of: whole.yaml, sections: [a]}", WHOLE + "sectons: {}")


def test_a_part_has_a_name_of_its_own(tmp_path: Path) -> None:
    wanted = "part.yaml: study: .*whole.yaml, which it is part of, has the name 'whole' too"
    with pytest.raises(EmcError, match=wanted):
        loaded(tmp_path, "{study: whole, part_of: whole.yaml, sections: [a]}")


def test_a_part_of_a_part_is_refused(tmp_path: Path) -> None:
    loaded(tmp_path, "{study: part, part_of: whole.yaml, sections: [a, b]}")
    small = tmp_path / "small.yaml"
    small.write_text("{study: small, part_of: part.yaml, sections: [a]}")
    wanted = "small.yaml: part_of: .*part.yaml is itself part of 'whole.yaml': a whole study is"
    with pytest.raises(EmcError, match=wanted):
        load_file(small)
