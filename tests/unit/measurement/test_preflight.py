"""What the program lacks is told before anything is computed."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from emc.cli.shipped import shipped_study
from emc.data import readers
from emc.data.content import Content
from emc.data.reader import About, Reader
from emc.errors import EmcError
from emc.measurement.preflight import refuse_half_added
from emc.native import activation
from emc.study import StudyPlan, load_file


@pytest.fixture
def plan(tmp_path: Path) -> StudyPlan:
    file = tmp_path / "s.yaml"
    cell = "{dataset: digits, architecture: {name: mlp-mixer, width: 8}, optimizer: adam}"
    file.write_text(f"study: s\nsections: {{a: {{cells: [{cell}]}}}}\n")
    return load_file(file)


def test_what_comes_with_the_program_is_complete(plan: StudyPlan) -> None:
    refuse_half_added(plan)


@pytest.mark.parametrize("name", ["demo", "tiny", "known-answers", "paper-small"])
def test_studies_that_come_with_the_program_are_taken(name: str) -> None:
    refuse_half_added(load_file(shipped_study(name)))


@pytest.mark.parametrize(
    ("lost", "expected"),
    [
        (
            "adam",
            r"'adam': expected the module emc\.engine\.optimizers\.adam, found none",
        ),
        ("mlp_mixer", r"'mlp-mixer': expected the module emc\.nets\.families\.mlp_mixer, found"),
    ],
)
def test_a_missing_file_is_named(
    lost: str, expected: str, plan: StudyPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "emc.study.program_modules.find_spec",
        lambda name: None if name.endswith(lost) else find_spec(name),
    )
    with pytest.raises(EmcError, match=expected):
        refuse_half_added(plan)


@pytest.fixture
def no_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "_readers", dict)


@pytest.mark.usefixtures("no_reader")
def test_a_data_set_without_a_reader(plan: StudyPlan) -> None:
    wanted = r"data set 'digits': expected it in READERS of a file in .*readers, found"
    with pytest.raises(EmcError, match=wanted):
        refuse_half_added(plan)


def test_two_readers_of_one_name() -> None:
    def one(*_: Any) -> Content:
        raise AssertionError

    def other(*_: Any) -> Content:
        raise AssertionError

    about = About("nowhere", "none")
    tables = {"a": {"disc": Reader(one, about)}, "b": {"disc": Reader(other, about)}}
    with pytest.raises(EmcError, match=r"'disc': expected one reader, found one in a\.py and one"):
        readers.collected(tables)


def test_an_activation_that_kernels_lack(plan: StudyPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activation, "_structures", lambda: ("Tanh", "Sigmoid"))
    assert activation.number("sigmoid") == 1
    wanted = r"activation 'relu': expected Relu in EMC_ACTIVATIONS of .*hpp, found Tanh, Sigmoid"
    with pytest.raises(EmcError, match=wanted):
        refuse_half_added(plan)
