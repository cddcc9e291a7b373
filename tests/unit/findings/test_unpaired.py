"""Claims that nothing in the study can answer."""

from pathlib import Path

import pytest

from emc.cli.validate import warn_of_unpaired
from emc.findings.unpaired import unpaired
from emc.study import load_file

STUDY = """study: s
defaults: {dataset: digits, labels: random, architecture: {name: mlp, width: 4}, seed: 0}
sections:
  rates: {grid: {optimizer: [{name: sgd, lr: 0.1}, {name: gd, lr: 0.1}], seed: [0, 1]}}
  labels: {cells: [{labels: original, optimizer: adam}]}
  sizes:
    grid:
      architecture: [{name: mlp, params: 1e3}, {name: cnn, params: 1e3}, {name: vit, params: 9e3}]
claims:
"""


def told(folder: Path, keys: str) -> list[str]:
    file = folder / "s.yaml"
    file.write_text(STUDY + f"  - {{name: mine, expect: greater, {keys}}}\n")
    plan = load_file(file)
    return unpaired(plan.study.claims, plan.cells)


@pytest.mark.parametrize(
    "keys",
    [
        "compare: optimizer, levels: [sgd, gd]",
        "compare: optimizer, levels: [gd, sgd], where: {seed: 1}",
        "compare: architecture, levels: [cnn, mlp]",
    ],
)
def test_nothing_is_said_of_claims_with_pairs(tmp_path: Path, keys: str) -> None:
    assert told(tmp_path, keys) == []


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        (
            "compare: optimizer, levels: [adam, sgd]",
            "no two cells differ in optimizer only, adam and sgd: it will stay without evidence;"
            " levels of optimizer with their cells: adam (1), gd (2), sgd (5)",
        ),
        (
            "compare: optimizer, levels: [sgd, gd], where: {labels: original}",
            "no two cells differ in optimizer only, sgd and gd, labels original: it will stay"
            " without evidence; levels of optimizer with their cells: adam (1)",
        ),
        (
            "compare: architecture, levels: [cnn, vit]",
            "no two cells differ in architecture only, cnn and vit: it will stay without evidence;"
            " levels of architecture with their cells: cnn (1), mlp (6), vit (1)",
        ),
    ],
)
def test_a_claim_without_pairs_is_told_with_the_levels(
    tmp_path: Path, keys: str, sentence: str
) -> None:
    assert told(tmp_path, keys) == [f"claim 'mine': {sentence}"]


def test_sizes_that_are_not_known_yet_say_nothing(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    data = "dataset: [{name: csv, file: a.csv, label: y}, digits]"
    claim = "{name: a, compare: dataset, levels: [a, digits], expect: less}"
    file.write_text(
        "study: s\ndefaults: {architecture: {name: mlp, width: 4}}\n"
        f"sections: {{a: {{grid: {{{data}}}}}}}\nclaims: [{claim}]\n"
    )
    plan = load_file(file)
    assert unpaired(plan.study.claims, plan.cells) == []


def test_it_is_printed_as_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told(tmp_path, "compare: optimizer, levels: [adam, sgd]")
    warn_of_unpaired(load_file(tmp_path / "s.yaml"))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"{tmp_path / 's.yaml'}: warning: claim 'mine': no two cells differ")
