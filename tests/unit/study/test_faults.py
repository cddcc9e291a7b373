"""How the faults of a study are told: all at once, counted, each at its place."""

from pathlib import Path
from textwrap import dedent
from typing import Annotated

import pytest
from pydantic import Field, TypeAdapter, ValidationError
from tests.unit.study.fault_cases import grid
from tests.unit.study.files import planned

from emc.errors import EmcError
from emc.study.faults import study_faults


def test_many_faults_are_counted(tmp_path: Path) -> None:
    with pytest.raises(EmcError, match=r"found -1\n") as caught:
        planned(tmp_path, grid("seed", *(f"-{k}" for k in range(1, 51))))
    *lines, last = str(caught.value).splitlines()
    assert len(lines) == 12
    assert last == "... and 38 more faults"


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    content = dedent("""
        study: s
        defaults: {dataset: digits, architecture: {name: mlp, width: 4}}
        sections:
          one: {grid: {seed: [-1, 0], activation: [relu, rellu]}, exclude: [{seed: 9}]}
          two: {cells: [{optimizer: {name: sgd, lr: -1}}, {budget: {epochs: 0}}]}
          three: {}
    """)
    with pytest.raises(EmcError, match="section") as caught:
        planned(tmp_path, content)
    places = [line.split(": ")[1] for line in str(caught.value).splitlines()]
    assert places == [
        "section 'one', cell (seed=-1, activation=relu) (and 1 more)",
        "section 'one', cell (seed=-1, activation=rellu) (and 1 more)",
        "section 'one'",
        "section 'two', cell (optimizer=sgd[lr=-1])",
        "section 'two', cell (budget=[epochs=0])",
        "section 'three'",
    ]


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        (["1"], [("pair", "expected at least 2 entries, found ['1']")]),
        (["x", "1"], [("pair.0", "expected a whole number, found 'x'")]),
        ([], [("pair", "expected at least 2 entries, found []")]),
    ],
)
def test_a_short_list_is_told_unless_its_entries_are_at_fault(
    entries: list[str], told: list[tuple[str, str]]
) -> None:
    pair = TypeAdapter(dict[str, Annotated[tuple[int, ...], Field(min_length=2)]])
    raw = {"pair": entries}
    with pytest.raises(ValidationError, match="pair") as caught:
        pair.validate_python(raw)
    assert [(one.key, one.message) for one in study_faults("", caught.value, raw)] == told
