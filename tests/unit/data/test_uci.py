"""Tabular sets of UCI, made up in their original formats."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.unit.data.entries import dataset_of
from tests.unit.data.formats import edition_of, place

from emc.data import open_samples
from emc.data.originals import Shelf
from emc.data.prepare import prepare
from emc.data.readers import uci
from emc.errors import EmcError

DRAW = np.random.default_rng(0)
ADULT_ROW = "39, {work}, 77516, HS-grad, 9, Divorced, Sales, Wife, White, Male, 2174, 0, 40, {land}"


def adult_files() -> dict[str, bytes]:
    lines = [
        f"{ADULT_ROW.format(work=work, land=land)}, {label}"
        for work, land, label in [
            ("Private", "Cuba", "<=50K"),
            ("?", "Cuba", ">50K"),
            ("Private", "Cuba", ">50K"),
            ("?", "Cuba", ">50K"),
        ]
    ]
    tested = f"{ADULT_ROW.format(work='Private', land='Laos')}, >50K."
    return {
        "adult.data": ("\n".join(lines) + "\n\n").encode(),
        "adult.test": f"|1x3 Cross validator\n{tested}\n".encode(),
    }


def test_adult(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = adult_files()
    monkeypatch.setattr(uci, "ADULT", edition_of(uci.ADULT, files))
    place(tmp_path / "adult", files)
    content = uci.adult(dataset_of("adult"), Shelf((tmp_path,)))
    assert content.class_names == ("<=50K", ">50K")
    assert content.scaling is not None
    assert {"workclass=?", "workclass=Private"} < set(content.scaling.columns)
    assert content.original_equal_inputs is not None
    assert content.original_equal_inputs.distinct == 2
    assert content.original_equal_inputs.conflicts == 1
    arrays = {
        name: np.zeros(spec.shape, spec.dtype) for name, spec in content.tensors.specs.items()
    }
    content.tensors.fill(arrays)
    assert arrays["train_labels"].tolist() == [0, 1, 1, 1]
    assert arrays["test_labels"].tolist() == [1]
    columns = content.scaling.columns
    assert arrays["test_inputs"][0, columns.index("native-country=Cuba")] == 0
    assert arrays["test_inputs"][0, columns.index("workclass=Private")] == 1


def test_adult_that_is_not_the_published_one(tmp_path: Path) -> None:
    place(tmp_path / "adult", adult_files())
    with pytest.raises(EmcError, match=r"adult\.data: not the original file"):
        uci.adult(dataset_of("adult"), Shelf((tmp_path,)))


def credit_sheet(rows: int) -> pl.DataFrame:
    """The columns of UCI's spreadsheet in its order."""
    months = [f"PAY_{month}" for month in (0, 2, 3, 4, 5, 6)]
    amounts = [f"{kind}_AMT{month}" for kind in ("BILL", "PAY") for month in range(1, 7)]
    sheet = {
        "ID": np.arange(rows),
        "LIMIT_BAL": DRAW.integers(1, 80, rows) * 10_000,
        "SEX": DRAW.integers(1, 3, rows),
        "EDUCATION": np.arange(rows) % 7,
        "MARRIAGE": np.arange(rows) % 4,
        "AGE": DRAW.integers(21, 80, rows),
        **{month: DRAW.integers(-2, 9, rows) for month in months},
        **{amount: DRAW.integers(-9999, 99_999, rows) for amount in amounts},
        "default payment next month": DRAW.integers(0, 2, rows),
    }
    return pl.DataFrame(sheet)


def flagged(sheet: pl.DataFrame) -> pl.DataFrame:
    """The same with flags, as some text versions have it."""
    flags = [
        (pl.col(name) == level).cast(pl.Int64).alias(f"{name}_{level}")
        for name, levels in (("EDUCATION", 7), ("MARRIAGE", 4))
        for level in range(levels)
    ]
    label = pl.col("default payment next month").alias("default-payment-next-month")
    kept = pl.exclude("ID", "EDUCATION", "MARRIAGE", "SEX", "default payment next month")
    return sheet.select(kept, (pl.col("SEX") == 2).cast(pl.Int64).alias("SEX"), *flags, label)


def test_every_form_of_credit_is_the_same_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sheet = credit_sheet(300)
    header = ",".join(["", *(f"X{column}" for column in range(1, 24)), "Y"]) + "\n"
    forms = {
        "default_of_credit_card_clients.csv": flagged(sheet).write_csv(),
        "default of credit card clients.csv": header + sheet.write_csv(),
        "UCI_Credit_Card.csv": sheet.rename(
            {"default payment next month": "default.payment.next.month"}
        ).write_csv(),
    }
    model = type(dataset_of("credit"))
    monkeypatch.setattr(model, "facts", model.facts._replace(samples=240))
    sums = set()
    for name, text in forms.items():
        place(tmp_path / name / "credit", {name: text.encode()})
        out = tmp_path / name / "out"
        sums.add(prepare(dataset_of("credit"), out, tmp_path / name).sha256)
        assert open_samples(out).shape == (32,)
    assert len(sums) == 1


def test_credit_of_another_size(tmp_path: Path) -> None:
    text = credit_sheet(300).write_csv()
    place(tmp_path / "credit", {"UCI_Credit_Card.csv": text.encode()})
    with pytest.raises(
        EmcError, match=r"credit: samples of its files: expected 24000, .*, found 240"
    ):
        prepare(dataset_of("credit"), tmp_path / "out", tmp_path)


def test_credit_of_another_kind(tmp_path: Path) -> None:
    place(tmp_path / "credit", {"UCI_Credit_Card.csv": b"a,b\n1,2\n"})
    with pytest.raises(EmcError, match="no column 'default payment next month'"):
        prepare(dataset_of("credit"), tmp_path / "out", tmp_path)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("SEX", "male", "line 4, column 'SEX': expected a finite number, found 'male'"),
        ("EDUCATION", "", "line 4, column 'EDUCATION': expected a finite number, found an empty"),
        ("AGE", "nan", "line 4, column 'AGE': expected a finite number, found an empty|'nan'"),
        (
            "default payment next month",
            "",
            "line 4, column 'label': expected a label, found an empty cell",
        ),
    ],
)
def test_credit_with_an_odd_cell(tmp_path: Path, column: str, value: str, message: str) -> None:
    sheet = credit_sheet(60).cast(pl.String)
    cells = [value if row == 2 else cell for row, cell in enumerate(sheet[column])]
    text = sheet.with_columns(pl.Series(column, cells)).write_csv()
    place(tmp_path / "credit", {"UCI_Credit_Card.csv": text.encode()})
    with pytest.raises(EmcError, match=rf"UCI_Credit_Card\.csv: {message}"):
        prepare(dataset_of("credit"), tmp_path / "out", tmp_path)


def test_credit_with_another_separator(tmp_path: Path) -> None:
    text = credit_sheet(60).write_csv(separator=";")
    place(tmp_path / "credit", {"UCI_Credit_Card.csv": text.encode()})
    with pytest.raises(EmcError, match="no column 'default payment next month'"):
        prepare(dataset_of("credit"), tmp_path / "out", tmp_path)


def test_missing_credit_tells_of_the_spreadsheet(tmp_path: Path) -> None:
    with pytest.raises(EmcError, match=r"credit/?.*UCI publishes it as a spreadsheet: save that"):
        prepare(dataset_of("credit"), tmp_path / "out", tmp_path)
