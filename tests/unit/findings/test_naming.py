"""What sets cells apart, in words."""

import polars as pl

from emc.findings import differences, in_words


def told(*columns: str, **levels: list[object]) -> list[str]:
    return pl.DataFrame(levels).select(differences(columns)).to_series().to_list()


def test_only_what_not_nearly_all_cells_share_is_told():
    """Three of four cells go without saying, two of three do not."""
    assert told("optimizer", optimizer=["sgd", "sgd", "adam", "sgd"]) == ["", "", "adam", ""]
    assert told("optimizer", optimizer=["sgd", "adam", "sgd"]) == ["sgd", "adam", "sgd"]
    assert told("optimizer", optimizer=["sgd"]) == [""]


def test_numbers_are_told_with_what_they_are():
    cells: dict[str, list[object]] = {
        "classes": [2, 10],
        "weight_decay": [0.0, 0.001],
        "batch": [32, None],
    }
    assert told(*cells, **cells) == [
        "2 classes, weight decay 0, batches of 32",
        "10 classes, weight decay 0.001",
    ]
    assert pl.DataFrame({"depth": [3]}).select(in_words("depth")).item() == "depth 3"
