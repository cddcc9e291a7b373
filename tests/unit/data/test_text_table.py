"""Text tables: what is read of their bytes, and what is said of bytes that are none."""

import csv
import gzip
import io
import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.data.entries import dataset_of

from emc.data.originals import file_content
from emc.data.text_table import Form, open_text
from emc.errors import EmcError

TEXT = "height,weight,kind\n1.5,2,dog\n2.5,3,cat\n"


def rows(content: str | bytes, form: Form = Form(",")) -> list[tuple[str, ...]]:  # noqa: B008
    """The header and the rows."""
    encoded = content.encode() if isinstance(content, str) else content
    table = open_text(encoded, "t.csv", form).read()
    return [table.header, *zip(*(column.to_list() for column in table.columns), strict=True)]


def fault(content: str | bytes, form: Form = Form(",")) -> str:  # noqa: B008
    with pytest.raises(EmcError, match=r"^t\.csv: ") as told:
        rows(content, form)
    assert "\n" not in str(told.value)
    return str(told.value)


WANTED = [("height", "weight", "kind"), ("1.5", "2", "dog"), ("2.5", "3", "cat")]


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        TEXT.rstrip(),
        "\ufeff" + TEXT,
        "\ufeff\ufeff" + TEXT,
        TEXT.replace(",", "\u00a0,"),
        TEXT.replace("\n", "\n\x0c", 1),
        TEXT.replace("\n", "\r\n"),
        TEXT.replace("\n", "\r"),
        "\n\n" + TEXT.replace("\n", "\n\n") + "\n\n",
        TEXT + ",,\n,,\n",
        TEXT.replace(",", " , "),
        '"height", "weight",kind\n1.5,"2",dog\n"2.5", "3","cat"\n',
        TEXT.replace("dog\n", "dog,,\n").replace("cat\n", "cat,\n"),
    ],
)
def test_one_table_in_many_forms(text: str) -> None:
    assert rows(text) == WANTED


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
@pytest.mark.parametrize("separator", [";", "\t", "|", " ", "§"])
def test_encodings_and_separators(encoding: str, separator: str) -> None:
    text = TEXT.replace(",", separator).replace("dog", "Ärger中")
    name = "utf-8" if encoding == "utf-8-sig" else encoding
    wanted = [*WANTED[:1], ("1.5", "2", "Ärger中"), *WANTED[2:]]
    assert rows(text.encode(encoding), Form(separator, name)) == wanted


def test_comments_are_left_out_and_lines_are_counted_with_them() -> None:
    text = "# made by hand\n" + TEXT.replace("2.5", "# half\n\n2.5,9")
    form = Form(",", comment="#")
    assert fault(text, form).startswith("t.csv: line 6: expected 3 cells as in the header, found 4")
    assert rows(text.replace(",9", ""), form) == WANTED
    assert rows("// x\n" + TEXT, Form(",", comment="//")) == WANTED


def test_cells_with_separators_quotes_and_line_breaks() -> None:
    text = 'a,b\n"x,y","say ""hi"""\n"two\nlines",5\' 3"\n'
    assert rows(text) == [("a", "b"), ("x,y", 'say "hi"'), ("two\nlines", "5' 3\"")]


def test_a_row_begins_at_its_own_line() -> None:
    table = open_text(b'a,b\n1,2\n\n"x\ny\nz",3\n4,5\n', "t.csv", Form(",")).read()
    assert [table.place(row) for row in range(3)] == ["line 2", "line 4", "line 7"]


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        ("", "empty: expected a header line"),
        ("\n \n,,\n", "empty: expected a header line"),
        ("a,b\n", "no rows: nothing follows the header in line 1"),
        ("\n\na,b\n\n", "no rows: nothing follows the header in line 3"),
        ("a,b\n1,2\n1,2,3\n", "line 3: expected 2 cells as in the header, found 3: quote cells"),
        ("a,b\n1,2\n1\n", "line 3: expected 2 cells as in the header, found 1: quote cells"),
        ('a,b\n1,2\n"1,2\n3,4\n', 'line 3: a quote (") that opens a cell is not closed'),
        (
            'a,b\n1,2\n"1"x,2\n',
            "line 3: expected the separator ',' or the line's end after a closing",
        ),
        ("a,b\n1,2\n1,\0\n", "line 3: a NUL character: damaged, no text, or of another encoding"),
        (TEXT.encode("utf-16"), "line 1: it begins as utf-16: give `encoding: utf-16`"),
        (
            TEXT.replace("cat", "Käthe").encode("latin-1"),
            "line 3: byte 0xe4 is no text in utf-8: give the encoding that the file was written in",
        ),
        (b"PAR1xxxx", "no text table, but a Parquet file: give `name: parquet`"),
        (b"PK\x03\x04xxxx", "no text table, but a ZIP archive or a workbook: unpack it, or save"),
        (b"\xd0\xcf\x11\xe0\xa1", "no text table, but an old Excel workbook"),
        (TEXT.encode("utf-32"), "line 1: it begins as utf-32: give `encoding: utf-32`"),
        ("<!DOCTYPE html>\n<html></html>\n", "no text table, but a page of the web: download the"),
        ("version https://git-lfs.github.com/spec/v1\n", "no text table, but a pointer to a file"),
        ('[{"a": 1}]', "no text table, but a JSON file: save it as CSV"),
        ("@RELATION x\n@data\n1,2\n", "no text table, but an ARFF file"),
        (pickle.dumps([1]), "no text table, but a pickle: save it as Parquet or CSV"),
        (
            "a,b\n1,2\n# x,y,z\n",
            "line 3: expected 2 cells as in the header, found 3: give `comment",
        ),
        ("a,b\n1,2\n\x1a", "line 3: expected 2 cells as in the header, found 1"),
        (b"\x28\xb5\x2f\xfdxx", "no text table, but a file compressed by zstd: unpack it"),
    ],
)
def test_what_is_no_table_is_told_with_its_line(content: str | bytes, wanted: str) -> None:
    assert fault(content).startswith(f"t.csv: {wanted}")


@pytest.fixture
def short_cells() -> Iterator[None]:
    """A limit of the test's own: packages that are loaded set the process's to gigabytes."""
    before = csv.field_size_limit(2000)
    yield
    csv.field_size_limit(before)


@pytest.mark.usefixtures("short_cells")
def test_a_cell_that_is_too_long_is_told_as_a_quote_that_is_not_closed() -> None:
    text = 'a,b\n1,"' + "x" * 2001 + '"\n'
    assert fault(text).endswith("is not closed, or the cell has more than 2,000 characters")


def test_no_text_of_an_encoding_without_a_byte_to_name() -> None:
    said = fault(b"a,b\n1,2", Form(",", "utf-16"))
    assert said.startswith("t.csv: ")
    assert "utf-16" in said


def test_a_table_compressed_by_gzip_whatever_its_name(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(gzip.compress(TEXT.encode()))
    assert rows(file_content(path)) == WANTED
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(EmcError, match=r"t\.csv: damaged gzip file"):
        file_content(path)


NO_CONTENT = "\r\0\x1c\x1d\x1e\x1f\ufeff"
"""Line ends, ends of texts and byte order marks."""

cells = st.text(st.characters(exclude_characters=NO_CONTENT, codec="utf-8"), max_size=6)


@given(
    table=st.integers(2, 4).flatmap(
        lambda width: st.lists(
            st.lists(cells, min_size=width, max_size=width), min_size=2, max_size=5
        )
    ),
    separator=st.sampled_from(",;\t|"),
    ending=st.sampled_from(["\n", "\r\n"]),
)
def test_what_the_module_csv_writes_is_read(
    table: list[list[str]], separator: str, ending: str
) -> None:
    file = io.StringIO()
    csv.writer(file, delimiter=separator, lineterminator=ending).writerows(table)
    stripped = [tuple(cell.strip() for cell in row) for row in table]
    wanted = [row for row in stripped if any(row)]
    if len(wanted) > 1:
        assert rows(file.getvalue(), Form(separator)) == wanted


@given(st.binary(max_size=60))
def test_any_bytes_are_a_table_or_one_line_of_error(content: bytes) -> None:
    try:
        rows(content)
    except EmcError as error:
        assert re.fullmatch(r"t\.csv: [^\n]+", str(error))  # noqa: PT017


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"separator": ""}, "separator"),
        ({"separator": ";;"}, "expected one character"),
        ({"separator": "\n"}, "expected one character"),
        ({"separator": '"'}, "expected one character"),
        ({"decimal": ","}, "expected a 'separator' that is not the 'decimal', found ','"),
        ({"decimal": "x"}, "decimal"),
        ({"encoding": "utf-9"}, "expected an encoding of Python's, .*, found 'utf-9'"),
        ({"encoding": "base64"}, "expected an encoding of Python's, .*, found 'base64'"),
        ({"comment": ""}, "comment"),
        ({"exclude": ["y"]}, "expected each column in one place, found 'y' twice"),
        ({"exclude": ["a"], "numeric": ["a"]}, "one place, found 'a' twice"),
        ({"missing": [True]}, "missing"),
        ({"missing": "NA"}, "missing"),
    ],
)
def test_keys_that_are_refused(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dataset_of({"name": "csv", "file": "t.csv", "label": "y", **keys})


def test_an_encoding_has_one_spelling() -> None:
    entry = {"name": "csv", "file": "t.csv", "label": "y"}
    spelled = {
        dataset_of(entry | {"encoding": name}) for name in ("latin-1", "Latin1", "iso-8859-1")
    }
    assert len(spelled) == 1
    assert dataset_of(entry | {"encoding": "UTF8"}) == dataset_of(entry)
