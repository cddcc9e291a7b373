"""JSON documents: read back as written; what is wrong with one is said with its remedy."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emc.errors import EmcError
from emc.store.documents import canonical, read_document, write_document

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
documents = st.dictionaries(st.text(), values, max_size=4)


@settings(max_examples=50)
@given(document=documents)
def test_round_trip(document: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "document.json"
    write_document(path, document)
    assert read_document(path, "the rule x") == document


def test_an_interval_may_be_open(tmp_path: Path) -> None:
    write_document(tmp_path / "d.json", {"low": 0.0, "high": float("inf")})
    assert read_document(tmp_path / "d.json", "the rule x") == {"low": 0.0, "high": float("inf")}


def test_one_key_a_line_in_the_order_given(tmp_path: Path) -> None:
    write_document(tmp_path / "d.json", {"b": 1, "a": [True, None]})
    text = (tmp_path / "d.json").read_text()
    assert text == '{\n "b": 1,\n "a": [\n  true,\n  null\n ]\n}\n'


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "damaged (Expecting value: line 1 column 1 (char 0))"),
        (b'{"a": 1', "damaged (Expecting ',' delimiter: line 1 column 8 (char 7))"),
        (b"\xff\xfe\x00", "damaged ('utf-16"),
        (b"\x80abc", "damaged ('utf-8' codec can't decode"),
        (b"[" * 100_000, "damaged ("),  # each Python has words of its own
        (b"[]", "not a JSON object"),
        (b"3", "not a JSON object"),
    ],
)
def test_a_damaged_file(content: bytes, fault: str, tmp_path: Path) -> None:
    path = tmp_path / "d.json"
    path.write_bytes(content)
    with pytest.raises(EmcError, match=f"^{re.escape(f'{path}: {fault}')}") as caught:
        read_document(path, "the rule x")
    assert str(caught.value).endswith("; remove it: the rule x remakes it")


def test_a_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "d.json"
    message = f"{path}: no such file; the rule x makes it"
    with pytest.raises(EmcError, match=f"^{re.escape(message)}$"):
        read_document(path, "the rule x")


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    with pytest.raises(EmcError, match="Is a directory"):
        read_document(tmp_path, "the rule x")


@settings(max_examples=50)
@given(documents)
def test_equal_values_have_equal_canonical_text(document: dict[str, Any]) -> None:
    assert canonical(dict(reversed(document.items()))) == canonical(document)


def test_canonical_text_is_strict_json() -> None:
    assert canonical({"b": [1, 2.5], "a": "ü"}) == '{"a":"\\u00fc","b":[1,2.5]}'
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical({"a": float("inf")})
