"""Claims of a study file: what is taken, and what is told before anything is computed."""

import re
from pathlib import Path

import pytest

from emc.errors import EmcError
from emc.findings import FACTORS
from emc.store.columns import CELLS
from emc.study import load_file
from emc.study.claims import claims_definition, claims_from_definition
from emc.study.factors import COMPARABLE, levels

STUDY = """study: s
defaults: {dataset: digits, architecture: {name: mlp, width: 4}}
sections:
  a: {grid: {optimizer: [sgd, gd], optimizer.weight_decay: [0, 1e-4], labels: [random, original]}}
claims:
"""


def loaded(folder: Path, claims: str):
    file = folder / "s.yaml"
    file.write_text(STUDY + claims)
    return load_file(file)


def test_a_claim_is_taken_with_its_defaults(tmp_path):
    text = "  - {name: mine, compare: optimizer, levels: [sgd, gd], expect: greater}\n"
    (claim,) = loaded(tmp_path, text).study.claims
    assert (claim.compare, claim.levels, claim.where, claim.margin) == (
        "optimizer",
        ["sgd", "gd"],
        {},
        1.1,
    )


def test_numbers_may_be_written_as_yaml_takes_for_text(tmp_path):
    text = (
        "  - {name: mine, compare: weight_decay, levels: [1e-4, 0], expect: less,"
        " where: {labels: random, seed: 0}}\n"
    )
    (claim,) = loaded(tmp_path, text).study.claims
    assert claim.levels == [1e-4, 0]


def test_claims_come_back_from_their_definition(tmp_path):
    text = "  - {name: mine, compare: optimizer, levels: [sgd, gd], expect: equal, margin: 1.2}\n"
    text += "  - {name: other, compare: optimizer, levels: [sgd, gd], expect: less}\n"
    claims = tuple(loaded(tmp_path, text).study.claims)
    assert claims_from_definition(claims_definition(claims)) == claims
    assert claims_from_definition("[]") == ()


@pytest.mark.parametrize(
    ("claim", "message"),
    [
        (
            "compare: optimiser, levels: [sgd, gd]",
            "found the factor 'optimiser'; did you mean 'opt",
        ),
        (
            "compare: optimizer, levels: [sgd, gdd]",
            "levels: no cell of the study has it: expected one of gd, sgd, found the o",
        ),
        (
            "compare: optimizer, levels: [sgd, sgd]",
            r"expected two different levels, found \['sgd', 'sgd'\]",
        ),
        ("compare: optimizer, levels: [sgd]", r"expected two different levels, found \['sgd'\]"),
        (
            "compare: optimizer, levels: [sgd, gd], where: {label: random}",
            "where: expected one of .*, found the factor 'label'; did you mean 'labels'",
        ),
        (
            "compare: optimizer, levels: [sgd, gd], where: {labels: noisy}",
            "has it: expected one of original, random, found the labels 'noisy'",
        ),
        ("compare: optimizer, levels: [sgd, gd], margin: 1", "margin: expected a number above 1"),
        (
            "compare: optimizer, levels: [sgd, gd], margin: 1.2",
            "margin: expected `expect: equal` beside it, found 'greater'",
        ),
    ],
)
def test_mistakes_are_told_with_what_is_known(tmp_path, claim, message):
    with pytest.raises(EmcError, match=message):
        loaded(tmp_path, f"  - {{name: mine, {claim}, expect: greater}}\n")


def test_a_name_is_given_once(tmp_path):
    claim = "  - {name: mine, compare: optimizer, levels: [sgd, gd], expect: greater}\n"
    with pytest.raises(EmcError, match=re.escape("claim 'mine': name: is given twice")):
        loaded(tmp_path, 2 * claim)


def test_what_can_be_compared_is_what_the_findings_compare():
    assert set(COMPARABLE) == set(FACTORS)


def test_levels_are_columns_of_the_plan(tmp_path):
    (first, *_) = loaded(tmp_path, "  []\n").cells
    known = {column.name for column in CELLS.columns} - {"cell", "sections", "definition"}
    assert set(levels(first.cell)) == known
