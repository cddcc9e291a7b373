"""Which labels of a table are classes."""

import re
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.data.made_tables import ROWS, read, taken, written

from emc.data.raw_table import RawTable
from emc.data.table_columns import class_names, labels_of
from emc.errors import EmcError


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        ("0 1.0 0.0 1", "0 1"),
        ("0 1e0 -0.0 01", "0 1"),
        ("TRUE false True FALSE", "false true"),
        ("10 9 -1", "-1 9 10"),
        ("3.5 4 4.5", "3.5 4 4.5"),
        ("9007199254740993 9007199254740992", "9007199254740992 9007199254740993"),
        ("1 1.0 x", "1 1.0 x"),
        ("TRUE no", "TRUE no"),
        ("none inf", "inf none"),
        ("1e299 2", "2 " + str(10**299)),
        ("1e300 02", "02 1e300"),
        (f"{'9' * 5000} 1", f"1 {'9' * 5000}"),
        ("1. .5 0.50 1.0", "0.5 1"),
    ],
)
def test_labels_that_are_equal_are_one_class(tmp_path: Path, labels: str, classes: str) -> None:
    manifest = read(tmp_path, written(y=taken(labels)))
    assert manifest.class_names == tuple(classes.split())


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        ("0 1 true false", "'0' and 'false'"),
        ("1 TRUE False 0", "'0' and 'False'"),
        ("1 true", "'1' and 'true'"),
    ],
)
def test_truth_values_in_two_ways_are_told(tmp_path: Path, labels: str, found: str) -> None:
    message = f"column 'y': expected truth values or numbers, found both {found}: write each class"
    with pytest.raises(EmcError, match=message):
        read(tmp_path, written(y=taken(labels)))


SPELLINGS = ("{}", "{}.0", "{}.", "00{}", "{}e0", " {} ", "{}.000")


@given(
    labels=st.lists(st.integers(0, 9).map(lambda label: label * 37), min_size=9, max_size=9),
    spellings=st.lists(st.sampled_from(SPELLINGS), min_size=9, max_size=9),
)
def test_spellings_of_whole_numbers_make_no_new_classes(
    labels: list[int], spellings: list[str]
) -> None:
    cells = [form.format(label) for form, label in zip(spellings, labels, strict=True)] * 2
    found = labels_of(RawTable("t.csv", ("y",), (pl.Series(cells),)), "y")
    assert found.to_list() == [str(label) for label in labels] * 2
    assert class_names(found) == tuple(map(str, sorted(set(labels))))


def test_measurements_are_no_classes(tmp_path: Path) -> None:
    with pytest.raises(EmcError, match=r"t\.csv: column 'y': each of 24 rows has a label of its"):
        read(tmp_path, written(y=[row + 0.25 for row in range(ROWS)]))
    mixed = ["0.5", "0.75", *taken("1 2")[2:]]
    wanted = (
        r"t\.csv: column 'y': found 4 different numbers as labels, 2 of them with decimals and in"
        r" fewer than 3 rows, such as 0\.5: these look like measurements: name a column of classes"
    )
    with pytest.raises(EmcError, match=wanted):
        read(tmp_path, written(y=mixed))


def test_a_name_per_row_is_no_class(tmp_path: Path) -> None:
    with pytest.raises(EmcError, match="each of 24 rows has a label of its own, such as 'user0'"):
        read(tmp_path, written(y=[f"user{row}" for row in range(ROWS)]))


@pytest.mark.parametrize("word", ["nan", "NaN", "NA", "n/a", "NULL", "<NA>", "#N/A"])
def test_a_label_that_stands_for_none_is_told(tmp_path: Path, word: str) -> None:
    labels = ["yes", "no", word, *taken("yes no")[3:]]
    wanted = f"t.csv: line 4, column 'y': found '{word}', which stands for a missing label"
    with pytest.raises(EmcError, match=re.escape(wanted)):
        read(tmp_path, written(y=labels))
    manifest = read(tmp_path, written(y=labels), missing=[word])
    assert manifest.samples + manifest.test_samples == ROWS - 1
    assert manifest.notes == (f"{tmp_path}/t.csv: 1 of 24 rows left out by `missing`",)


@pytest.mark.parametrize(
    "labels", [["a b", "a  b"], ["1", "1.0", "one"], ["caf\u00e9", "cafe\u0301"], ["Yes", "yes"]]
)
def test_classes_that_look_alike_are_told(tmp_path: Path, labels: list[str]) -> None:
    each = [labels[row % len(labels)] for row in range(ROWS)]
    manifest = read(tmp_path, written(y=each))
    assert len(manifest.class_names) == len(labels)
    assert manifest.notes[0].endswith(" differ only in how they are written")


def test_classes_that_differ_in_capitals_or_have_no_test_sample_are_told(tmp_path: Path) -> None:
    manifest = read(tmp_path, written(y=["Yes", "Yes", *taken("yes no")[2:]]))
    assert manifest.notes == (
        f"{tmp_path}/t.csv: classes 'Yes' and 'yes' differ only in how they are written",
        f"{tmp_path / 't.csv'}: 1 of 3 classes have no test sample (a fifth of each is held out: of"
        " 1 or 2 samples, none): 'Yes'".replace(f"{tmp_path}/", ""),
    )
