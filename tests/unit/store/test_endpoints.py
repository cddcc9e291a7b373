"""End points: probes and parameters come back bit by bit, or the file is refused."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from safetensors.numpy import load_file
from tests.unit.store.examples import CELL, end_point, probe

from emc.errors import EmcError
from emc.store.endpoints import Endpoint, read_endpoints, write_endpoints
from emc.store.layout import REMADE_BY

parameters = st.dictionaries(
    st.text("ab01./", min_size=1, max_size=5),
    arrays(np.float32, array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)),
    max_size=3,
)


def assert_same(found: list[Endpoint], wanted: list[Endpoint]) -> None:
    assert [one for one, _ in found] == [one for one, _ in wanted]
    for (_, got), (_, given_) in zip(found, wanted, strict=True):
        assert got.keys() == given_.keys()
        for name, tensor in given_.items():
            assert (got[name].shape, got[name].dtype) == (tensor.shape, tensor.dtype)
            assert got[name].tobytes() == tensor.tobytes()


def example() -> list[Endpoint]:
    return [(probe(0, 0), end_point(0, 0)), (probe(2, 1), end_point(2, 1))]


@settings(max_examples=40)
@given(st.lists(parameters, max_size=3))
def test_round_trip(
    tmp_path_factory: pytest.TempPathFactory, nets: list[dict[str, np.ndarray]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "endpoints.safetensors"
    kept = [(probe(0, k), net) for k, net in enumerate(nets)]
    write_endpoints(path, kept)
    assert_same(read_endpoints(path, CELL), kept)


def test_none_kept(tmp_path: Path) -> None:
    write_endpoints(tmp_path / "e", [])
    assert read_endpoints(tmp_path / "e", CELL) == []


def test_more_than_ten_keep_apart(tmp_path: Path) -> None:
    kept = [(probe(0, k), end_point(0, k)) for k in range(12)]
    write_endpoints(tmp_path / "e", kept)
    assert_same(read_endpoints(tmp_path / "e", CELL), kept)


def test_layout_in_memory_does_not_matter(tmp_path: Path) -> None:
    tensors = {
        "turned": np.arange(6, dtype=np.float32).reshape(2, 3).T,
        "strided": np.arange(10, dtype=np.float32)[::2],
        "scalar": np.array(1.5, dtype=np.float32),
    }
    write_endpoints(tmp_path / "e", [(probe(0, 0), tensors)])
    ((_, found),) = read_endpoints(tmp_path / "e", CELL)
    for name, tensor in tensors.items():
        assert found[name].shape == tensor.shape
        np.testing.assert_array_equal(found[name], tensor)


def test_any_safetensors_reader_opens_it(tmp_path: Path) -> None:
    write_endpoints(tmp_path / "e", example())
    assert set(load_file(tmp_path / "e")) == {"0/0.weight", "0/0.bias", "1/0.weight", "1/0.bias"}


def test_a_missing_file(tmp_path: Path) -> None:
    message = f"{tmp_path / 'e'}: no such file; {REMADE_BY} makes it for {CELL}"
    with pytest.raises(EmcError, match=f"^{re.escape(message)}$"):
        read_endpoints(tmp_path / "e", CELL)


def test_another_cells_file(tmp_path: Path) -> None:
    write_endpoints(tmp_path / "e", example())
    message = f"expected end points of other, found {CELL}; remove it and run {REMADE_BY} again"
    with pytest.raises(EmcError, match=f"{re.escape(message)}$"):
        read_endpoints(tmp_path / "e", "other")


DAMAGED = re.escape(f"end points of {CELL} are damaged (")


def test_a_file_cut_short_anywhere(quick_path: Path) -> None:
    path = quick_path / "e"
    write_endpoints(path, example())
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(EmcError, match=DAMAGED):
            read_endpoints(path, CELL)


def test_a_file_altered_anywhere(quick_path: Path) -> None:
    path = quick_path / "e"
    write_endpoints(path, example())
    whole = path.read_bytes()
    for place in range(len(whole)):
        altered = bytearray(whole)
        altered[place] ^= 1 << place % 8
        path.write_bytes(altered)
        with pytest.raises(EmcError, match=DAMAGED):
            read_endpoints(path, CELL)


def test_a_file_that_is_longer(tmp_path: Path) -> None:
    path = tmp_path / "e"
    write_endpoints(path, example())
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(EmcError, match=DAMAGED):
        read_endpoints(path, CELL)
