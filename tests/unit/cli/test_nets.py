"""The table of architectures."""

from pathlib import Path

import pytest
from tests.plugin_files import written

from emc.cli.nets import print_nets
from emc.errors import EmcError
from emc.study.architectures import FAMILIES

RESULTS = Path("results")


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "240")


def rows(capsys: pytest.CaptureFixture[str]) -> dict[str, list[str]]:
    """Each architecture's columns, which two blanks or more separate."""
    _, _, *lines = capsys.readouterr().out.splitlines()
    split = [[part.strip() for part in line.split("  ") if part.strip()] for line in lines]
    return {name: rest for name, *rest in split}


def test_keys_and_counts(capsys: pytest.CaptureFixture[str]) -> None:
    print_nets("mnist", None, None, RESULTS)
    found = rows(capsys)
    hint = [name for name in found if name.startswith("A study's plug-ins may register others")]
    assert len(found) - len(hint) == len(FAMILIES)
    assert hint
    assert found["linear"] == ["bias: true", "7,850"]
    assert found["mlp"] == ["depth: 2", "3,210", "13,002", "55,050", "269,322"]
    assert found["vit"][0] == "patch: 4, depth: 6, heads: 4"


def test_the_width_nearest_to_a_count(capsys: pytest.CaptureFixture[str]) -> None:
    print_nets("mnist", 1e4, None, RESULTS)
    assert rows(capsys)["mlp"][-1] == "9,706 (width 12)"


def test_what_does_not_take_the_inputs_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    print_nets("adult", 1e4, None, RESULTS)
    found = rows(capsys)
    assert found["vit"] == ["'vit': expected images (channels, height, width), found inputs (108,)"]
    assert len(found["mlp"]) == 6


def test_an_entry_of_a_data_set(capsys: pytest.CaptureFixture[str]) -> None:
    print_nets("{name: gaussian, dimension: 7, classes: 3}", None, None, RESULTS)
    assert rows(capsys)["linear"][-1] == "24"


def test_a_study_counts_for_its_own_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = "".join(f"{n},{n * n},{'ab'[n % 2]}\n" for n in range(20))
    Path("wine.csv").write_text("x,y,kind\n" + lines)
    table = "{name: csv, file: wine.csv, label: kind}"
    Path("s.yaml").write_text(
        "study: s\ndefaults: {architecture: linear}\nsections: {a: {grid: {"
        f"dataset: [{table}, digits],"
        " labels: [original, random, {name: random, classes: 5}]}}}"
    )
    print_nets(None, None, Path("s.yaml"), RESULTS)
    heads = [line for line in capsys.readouterr().out.splitlines() if line.startswith("param")]
    assert heads == [
        "parameters for inputs of (2,) in 2 classes: wine",
        "parameters for inputs of (2,) in 5 classes: wine",
        "parameters for inputs of (1, 8, 8) in 10 classes: digits",
        "parameters for inputs of (1, 8, 8) in 5 classes: digits",
    ]
    print_nets(table, None, None, RESULTS)
    assert rows(capsys)["linear"][-1] == "6"


OWN = """
    @emc.architecture("narrow")
    def narrow(shape, classes, activation, width: int, bias: bool = False):
        return nn.Sequential(
            nn.Flatten(), nn.Linear(prod(shape), width, bias=bias), nn.Linear(width, classes)
        )

    @emc.architecture("flat-only")
    def flat_only(shape, classes, activation):
        (inputs,) = shape
        return nn.Linear(inputs, classes)

    @emc.architecture("asks")
    def asks(shape, classes, activation, rank: int):
        return nn.Linear(rank, classes)

    @emc.dataset("blobs", shape=(3,), classes=2)
    def blobs():
        return torch.zeros(9, 3), torch.zeros(9)
"""


def test_a_studys_plug_ins_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = written(tmp_path, OWN, "{architecture: {name: narrow, width: 3}}")
    print_nets("digits", 1e3, study, RESULTS)
    found = rows(capsys)
    assert len(found) == len(FAMILIES) + 3
    sizes = [f"{64 * width + width * 10 + 10:,}" for width in (4, 16, 64, 256)]
    assert found["narrow"] == ["bias: false", *sizes, "972 (width 13)"]
    assert found["asks"] == ["rank: wanted", "with the keys that it wants"]
    assert "ValueError: too many values to unpack" in " ".join(found["flat-only"])


def test_so_are_their_data_sets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = written(tmp_path, OWN, "{architecture: {name: narrow, width: 3}}")
    print_nets("blobs", None, study, RESULTS)
    found = rows(capsys)
    assert found["flat-only"] == ["8"]
    assert found["linear"][-1] == "8"


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        ("mnsit", "--dataset: expected one of .*, found the name 'mnsit'; did you mean 'mnist'"),
        ("{name: gaussian}", "--dataset: dimension: is missing"),
        ("{name: csv, file: a, label: b}", "originals/a: no such file or folder"),
        ("{", "--dataset {: not valid YAML"),
        ("3", "--dataset: expected an entry with a 'name', found 3"),
    ],
)
def test_what_is_no_data_set(dataset: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EMC_DATA_DIR", raising=False)
    with pytest.raises(EmcError, match=message.replace("{", r"\{")):
        print_nets(dataset, None, None, RESULTS)
