"""Data sets and labellings as a study names them."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from emc.errors import EmcError
from emc.study.cell import Cell
from emc.study.datasets import DataSet, Facts, dataset_name
from emc.study.labels import Labels, label_classes, unsuitable

CSV = {"name": "csv", "file": "t.csv", "label": "kind"}


def dataset(entry: Any) -> DataSet:
    return TypeAdapter(DataSet).validate_python(entry)


def labels(entry: Any) -> Labels:
    return TypeAdapter(Labels).validate_python(entry)


def cell(**keys: Any) -> Cell:
    entry = {"dataset": CSV, "architecture": {"name": "mlp", "width": 3}, **keys}
    return Cell.model_validate(entry)


@pytest.mark.parametrize(
    ("entry", "facts"),
    [
        ("cifar100", Facts((3, 32, 32), 100, 50_000)),
        ("imagenet", Facts((3, 32, 32), 1000, None)),
        ({"name": "imagenet", "size": 64, "classes": 10}, Facts((3, 64, 64), 10, None)),
        ({"name": "image-folder", "folder": "x", "classes": 7}, Facts((3, 32, 32), 7, None)),
        ({"name": "image-folder", "folder": "x"}, None),
        ({"name": "gaussian", "dimension": 5, "rank": 2}, Facts((5,), 2, 20_000)),
        (CSV, None),
    ],
)
def test_what_is_known_beforehand(entry: Any, facts: Facts | None) -> None:
    assert dataset(entry).facts == facts


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"name": "image-folder"}, "folder"),
        ({"name": "image-folder", "folder": "x", "channels": 2}, "channels"),
        ({"name": "imagenet", "classes": 1}, "classes"),
        ({**CSV, "separator": ";;"}, "separator"),
        ({"name": "mnist", "size": 3}, "size"),
    ],
)
def test_what_is_refused(entry: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        dataset(entry)


@pytest.mark.parametrize(
    ("entry", "classes"),
    [("original", 10), ({"noisy": 0.1}, 10), ({"classes": 3}, 3), ("random", 10)],
)
def test_classes_of_a_labelling(entry: Any, classes: int) -> None:
    assert label_classes(labels(entry), 10) == classes


@pytest.mark.parametrize(
    ("source", "labelling", "message"),
    [
        ("mnist", {"classes": 11}, "labels: expected at most 10 classes, found 11"),
        (
            "adult",
            "permuted-pixels",
            "labels: 'permuted-pixels': expected images, found inputs (108,)",
        ),
        ("imagenet", "permuted-pixels", None),
    ],
)
def test_labelling_suits_the_data_set(source: Any, labelling: Any, message: str | None) -> None:
    facts = dataset(source).facts
    assert facts is not None
    assert unsuitable(facts, labels(labelling)) == message


@pytest.mark.parametrize(
    ("entry", "name"),
    [
        (CSV, "t"),
        (CSV | {"called": "wine"}, "wine"),
        (CSV | {"file": "/data/Weinqualität 2.final.CSV.gz"}, "weinqualitat-2"),
        (CSV | {"file": "digits.csv"}, "digits-csv"),
        (CSV | {"file": "酒.csv"}, "csv"),
        (CSV | {"name": "parquet", "file": "a/b/" + 50 * "x" + ".parquet"}, 40 * "x"),
        ({"name": "image-folder", "folder": "data/Cats & dogs v1.0/"}, "cats-dogs-v1-0"),
        ({"name": "image-folder", "folder": ".."}, "image-folder"),
        ("imagenet", "imagenet"),
        ("digits", "digits"),
    ],
)
def test_own_data_are_called_after_their_files(entry: Any, name: str) -> None:
    assert dataset_name(dataset(entry)) == name


@pytest.mark.parametrize("called", ["mnist", "Wine", "a b", ""])
def test_names_that_no_own_data_can_have(called: str) -> None:
    with pytest.raises(ValidationError, match="called"):
        dataset(CSV | {"called": called})


def test_cell_on_data_that_only_the_files_describe() -> None:
    assert cell().architecture.model_dump()["width"] == 3
    with pytest.raises(EmcError, match="the shape of 'csv' is unknown until it is prepared"):
        _ = cell().shape


def test_wanted_size_needs_a_known_shape() -> None:
    with pytest.raises(
        ValidationError, match=r"'params': expected a known input shape.*give 'width'"
    ):
        cell(architecture={"name": "mlp", "params": 1000})


def test_unknown_number_of_samples_limits_nothing() -> None:
    made = cell(dataset="imagenet", search={"smallest": 10**7}, budget={"epochs": 1})
    assert made.search.smallest == 10**7
    with pytest.raises(
        ValidationError, match=r"search\.smallest: expected at most the 60000 samples"
    ):
        cell(dataset="mnist", search={"smallest": 10**7}, budget={"epochs": 1})
