"""Tabular sets of the UCI repository, from its text files."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import polars as pl

from emc.data.content import Content
from emc.data.downloads import UCI, by_address, by_hand
from emc.data.originals import Edition, Shelf
from emc.data.raw_table import RawTable
from emc.data.reader import About, Reader
from emc.data.table_columns import numbers_of
from emc.data.tables import TypedTable, checked, table_content
from emc.data.text_table import Form, open_text
from emc.errors import EmcError
from emc.study.datasets import Adult, Covertype, Credit, GermanCredit

COVERTYPE: Final = Edition("covertype", {"covtype.data": "71df19898bd3e11db15ae0faf4159f2c"})
ADULT: Final = Edition(
    "adult",
    {
        "adult.data": "5d7c39d7b8804f071cdd1f2a7c460872",
        "adult.test": "35238206dfdf7f1fe215bbb874adecdc",
    },
)
GERMAN_CREDIT: Final = Edition("german-credit", {"german.data": "6b94c2e35480e671545e52a808a8a549"})
# UCI publishes a spreadsheet, so text versions differ in their bytes: content is checked instead.
CREDIT: Final = (
    Edition("credit", {"default_of_credit_card_clients.csv": None}),
    Edition("credit", {"default of credit card clients.csv": None}),
    Edition("credit", {"UCI_Credit_Card.csv": None}),
)

_COVERTYPE_NUMBERS: Final = (
    *("elevation", "aspect", "slope", "hydrology-horizontal", "hydrology-vertical"),
    *("roadways", "hillshade-9am", "hillshade-noon", "hillshade-3pm", "fire-points"),
)
_ADULT_NUMBERS: Final = (
    "age",
    "fnlwgt",
    "education-num",
    "capital-gain",
    "capital-loss",
    "hours-per-week",
)
_ADULT_COLUMNS: Final = (
    *("age", "workclass", "fnlwgt", "education", "education-num", "marital-status"),
    *("occupation", "relationship", "race", "sex", "capital-gain", "capital-loss"),
    *("hours-per-week", "native-country"),
)
_GERMAN_NUMBERS: Final = ("duration", "amount", "rate", "residence", "age", "credits", "people")
_GERMAN_COLUMNS: Final = (
    *("checking", "duration", "history", "purpose", "amount", "savings", "employment"),
    *("rate", "status", "debtors", "residence", "property", "age", "plans", "housing"),
    *("credits", "job", "people", "telephone", "foreign"),
)
_CREDIT_NUMBERS: Final = (
    *("LIMIT_BAL", "SEX", "AGE", "PAY_0", "PAY_2", "PAY_3", "PAY_4", "PAY_5", "PAY_6"),
    *(f"BILL_AMT{month}" for month in range(1, 7)),
    *(f"PAY_AMT{month}" for month in range(1, 7)),
)
_EDUCATION: Final = range(7)
_MARRIAGE: Final = range(4)
_CREDIT_FLAGS: Final = (
    *(f"EDUCATION_{level}" for level in _EDUCATION),
    *(f"MARRIAGE_{level}" for level in _MARRIAGE),
)
_LABEL: Final = "label"


def covertype(dataset: Covertype, shelf: Shelf) -> Content:
    """Forest cover type: 10 numbers, 4 wilderness and 40 soil flags."""
    download = by_address("covertype", UCI + "covtype/covtype.data.gz")
    found = shelf.obtain(dataset.name, [COVERTYPE], download)
    wilderness = [f"wilderness-{area}" for area in range(1, 5)]
    columns = (*_COVERTYPE_NUMBERS, *wilderness, *(f"soil-{kind}" for kind in range(1, 41)))
    name = "covtype.data"
    frame = pl.read_csv(found.read(name), has_header=False, new_columns=[*columns, _LABEL])
    raw = RawTable(name, tuple(frame.columns), tuple(frame.get_columns()))
    table = checked(raw, label=_LABEL, numeric=columns, categorical=())
    return table_content(table, None, found.files)


def adult(dataset: Adult, shelf: Shelf) -> Content:
    """Adult income: 6 numbers, 8 categorical columns in which "?" is a category of its own."""
    download = by_address("adult", UCI + "adult/adult.data", UCI + "adult/adult.test")
    found = shelf.obtain(dataset.name, [ADULT], download)
    train, test = (_adult_part(found.read(name), name) for name in ADULT.files)
    return table_content(train, test, found.files)


def german_credit(dataset: GermanCredit, shelf: Shelf) -> Content:
    """German credit: 7 numbers, 13 categorical columns."""
    download = by_address("german-credit", UCI + "statlog/german/german.data")
    found = shelf.obtain(dataset.name, [GERMAN_CREDIT], download)
    name = "german.data"
    table = _text_table(found.read(name), name, " ", _GERMAN_COLUMNS, _GERMAN_NUMBERS)
    return table_content(table, None, found.files)


def credit(dataset: Credit, shelf: Shelf) -> Content:
    """Default of credit card clients: 20 numbers; sex, education and marriage as flags.

    The CSV may have UCI's own columns, with or without the extra header line of its spreadsheet,
    or flags already.

    Raises:
        EmcError: the file does not have the columns of one of these forms.
    """
    advice = "UCI publishes it as a spreadsheet: save that as a CSV file of one of these names"
    found = shelf.obtain(dataset.name, CREDIT, by_hand(advice))
    (name,) = found.edition.files
    raw = _credit_flags(_credit_rows(found.read(name), name))
    columns = (*_CREDIT_NUMBERS, *_CREDIT_FLAGS)
    table = checked(raw, label=_LABEL, numeric=columns, categorical=())
    return table_content(table, None, found.files)


def _adult_part(content: bytes, name: str) -> TypedTable:
    table = _text_table(content, name, ",", _ADULT_COLUMNS, _ADULT_NUMBERS)
    labels = table.labels.str.strip_chars_end(".")  # the test file ends each label with a dot
    return replace(table, labels=labels)


def _text_table(
    content: bytes, name: str, separator: str, columns: Sequence[str], numbers: Sequence[str]
) -> TypedTable:
    """A text file without header; the label comes last."""
    form = Form(separator, comment="|")
    raw = open_text(content, name, form, header=(*columns, _LABEL)).read()
    words = [column for column in columns if column not in numbers]
    return checked(raw, label=_LABEL, numeric=numbers, categorical=words)


def _credit_rows(content: bytes, name: str) -> RawTable:
    """The rows, with the label's column under its own name."""
    first, _, rest = content.partition(b"\n")
    extra = b"X1," in first and b"LIMIT_BAL" in rest.partition(b"\n")[0]
    raw = open_text(rest if extra else content, name, Form(",")).read()
    labels = [column for column in raw.header if column.lower().startswith("default")]
    if len(labels) != 1:
        raise EmcError(f"{name}: no column 'default payment next month' ({list(raw.header)})")
    return raw.called([_LABEL if column in labels else column for column in raw.header])


def _credit_flags(raw: RawTable) -> RawTable:
    """Education, marriage and sex as flags; a table that has them already is left as it is."""
    if not {"EDUCATION", "MARRIAGE", "SEX"} <= set(raw.header):
        return raw
    sex, *categories = numbers_of(raw, ("SEX", "EDUCATION", "MARRIAGE"))
    flags = [
        (column == level).cast(pl.Float64).alias(f"{column.name}_{level}")
        for column, levels in zip(categories, (_EDUCATION, _MARRIAGE), strict=True)
        for level in levels
    ]
    return raw.with_columns(sex - 1, *flags)  # sex is 1 and 2


_SITE: Final = "https://archive.ics.uci.edu/dataset/"

READERS: Final = {
    "covertype": Reader(covertype, About(f"Blackard 1998, {_SITE}31/covertype", "CC BY 4.0")),
    "adult": Reader(adult, About(f"Becker and Kohavi 1996, {_SITE}2/adult", "CC BY 4.0")),
    "credit": Reader(
        credit, About(f"Yeh 2009, {_SITE}350/default+of+credit+card+clients", "CC BY 4.0")
    ),
    "german-credit": Reader(
        german_credit,
        About(f"Hofmann 1994, {_SITE}144/statlog+german+credit+data", "CC BY 4.0"),
    ),
}
