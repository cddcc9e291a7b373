"""The table of architectures."""

import pytest

from emc.cli.nets import print_nets
from emc.errors import EmcError
from emc.study.architectures import FAMILIES


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "240")


def rows(capsys: pytest.CaptureFixture[str]) -> dict[str, list[str]]:
    """Each architecture's columns, which two blanks or more separate."""
    _, _, *lines = capsys.readouterr().out.splitlines()
    split = [[part.strip() for part in line.split("  ") if part.strip()] for line in lines]
    return {name: rest for name, *rest in split}


def test_keys_and_counts(capsys: pytest.CaptureFixture[str]) -> None:
    print_nets("mnist", None)
    found = rows(capsys)
    assert len(found) == len(FAMILIES)
    assert found["linear"] == ["bias: true", "7,850"]
    assert found["mlp"] == ["depth: 2", "3,210", "13,002", "55,050", "269,322"]
    assert found["vit"][0] == "patch: 4, depth: 6, heads: 4"


def test_the_width_nearest_to_a_count(capsys: pytest.CaptureFixture[str]) -> None:
    print_nets("mnist", 1e4)
    assert rows(capsys)["mlp"][-1] == "9,706 (width 12)"


def test_what_does_not_take_the_inputs_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    print_nets("adult", 1e4)
    found = rows(capsys)
    assert found["vit"] == ["'vit' wants images (channels, height, width), the data set has (108,)"]
    assert len(found["mlp"]) == 6


def test_an_entry_of_a_data_set(capsys: pytest.CaptureFixture[str]) -> None:
    print_nets("{name: gaussian, dimension: 7, classes: 3}", None)
    assert rows(capsys)["linear"][-1] == "24"


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        ("mnsit", "--dataset: unknown name 'mnsit'; did you mean 'mnist'"),
        ("{name: gaussian}", "--dataset: dimension: is missing"),
        ("{name: csv, file: a, label: b}", "shape is unknown until it is prepared"),
        ("{", "--dataset {: not valid YAML"),
        ("3", "--dataset: an entry with a 'name' is wanted, found 3"),
    ],
)
def test_what_is_no_data_set(dataset: str, message: str) -> None:
    with pytest.raises(EmcError, match=message.replace("{", r"\{")):
        print_nets(dataset, None)
