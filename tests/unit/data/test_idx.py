"""IDX files."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from tests.unit.data.formats import idx_bytes

from emc.data.idx import read_idx
from emc.errors import EmcError

IMAGES = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


@given(st.data())
def test_reads_any_array(data: st.DataObject) -> None:
    array = data.draw(arrays(np.uint8, array_shapes(min_dims=1, max_dims=4, max_side=4)))
    np.testing.assert_array_equal(read_idx(idx_bytes(array), "file"), array)


def test_layout_is_the_published_one() -> None:
    content = bytes.fromhex("00000801 00000003 050009".replace(" ", ""))
    assert read_idx(content, "labels").tolist() == [5, 0, 9]


@pytest.mark.parametrize("keep", [20, 39])
def test_cut_short(keep: int) -> None:
    with pytest.raises(EmcError, match=r"images: expected 2x3x4 values, found \d+: cut short"):
        read_idx(idx_bytes(IMAGES)[:keep], "images")


def test_cut_in_its_header() -> None:
    with pytest.raises(EmcError, match="images: expected a header of"):
        read_idx(idx_bytes(IMAGES)[:10], "images")


def test_too_long() -> None:
    with pytest.raises(EmcError, match="expected 2x3x4 values, found 25"):
        read_idx(idx_bytes(IMAGES) + b"?", "images")


@pytest.mark.parametrize("content", [b"", b"\0\0", b"<html>", b"\0\0\x0d\x01\0\0\0\0"])
def test_another_format(content: bytes) -> None:
    with pytest.raises(EmcError, match="page: expected an IDX file of unsigned bytes"):
        read_idx(content, "page")
