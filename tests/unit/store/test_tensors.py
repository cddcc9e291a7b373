"""Tensor files: held against the safetensors library, and damaged in every way."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from tests.unit.store.tensor_files import write_tensors

from emc.errors import EmcError
from emc.store.tensors import Spec, open_tensors, stream_tensors

DTYPES = ("uint8", "int64", "float32", "float64")
tensor_sets = st.dictionaries(
    st.text("abc_.", min_size=1, max_size=4),
    st.sampled_from(DTYPES).flatmap(
        lambda dtype: arrays(dtype, array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
    ),
    max_size=4,
)


def example() -> dict[str, np.ndarray]:
    return {
        "bytes": np.arange(5, dtype=np.uint8),
        "labels": np.arange(3, dtype=np.int64),
        "inputs": np.arange(6, dtype=np.float32).reshape(2, 3),
    }


@settings(max_examples=40, deadline=None)
@given(tensors=tensor_sets)
def test_library_reads_what_was_written(
    tensors: dict[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("tensors") / "t.safetensors"
    write_tensors(path, tensors, {"made": "here"})
    read = load_file(path)
    assert read.keys() == tensors.keys()
    for name, array in tensors.items():
        assert read[name].dtype == array.dtype
        np.testing.assert_array_equal(read[name], array)
    with safe_open(path, "np") as file:
        assert file.metadata() == {"made": "here"}


@settings(max_examples=40, deadline=None)
@given(tensors=tensor_sets)
def test_reads_what_the_library_wrote(
    tensors: dict[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("tensors") / "t.safetensors"
    save_file(tensors, path, {"made": "there"})
    read, metadata = open_tensors(path, "the rule x")
    assert metadata == {"made": "there"}
    assert read.keys() == tensors.keys()
    for name, array in tensors.items():
        assert read[name].dtype == array.dtype
        assert read[name].shape == array.shape
        np.testing.assert_array_equal(read[name], array)


def test_arrays_are_aligned_read_only_maps(tmp_path: Path) -> None:
    path = tmp_path / "t.safetensors"
    write_tensors(path, example(), {})
    read, metadata = open_tensors(path, "the rule x")
    assert metadata == {}
    for array in read.values():
        assert array.flags.aligned
        assert not array.flags.writeable
        assert type(array) is np.ndarray
        assert isinstance(array.base, np.memmap)


def test_same_content_is_same_file(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_tensors(tmp_path / name, example(), {"k": "v"})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_stream_fills_rows_and_leaves_the_rest_zero(tmp_path: Path) -> None:
    path = tmp_path / "t.safetensors"
    specs = {"x": Spec("uint8", (4, 3)), "y": Spec("int64", (4,))}
    with stream_tensors(path, specs, {}) as places:
        assert not path.exists()
        places["x"][1:3] = 7
        places["y"][2] = -1
    read, _ = open_tensors(path, "the rule x")
    np.testing.assert_array_equal(read["x"], [[0] * 3, [7] * 3, [7] * 3, [0] * 3])
    np.testing.assert_array_equal(read["y"], [0, 0, -1, 0])


def test_failed_stream_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with stream_tensors(tmp_path / "t", {"x": Spec("uint8", (4,))}, {}):
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        fail()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="no disk space can be reserved")
def test_a_full_disk_is_an_error_not_a_crash(tmp_path: Path) -> None:
    specs = {"x": Spec("float64", (10**15,))}
    with (
        pytest.raises(EmcError, match=r"t: no room for its 8e\+06 GB \(.+\)"),
        stream_tensors(tmp_path / "t", specs, {}),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(EmcError, match=r"none: no such file; the rule x makes it"):
        open_tensors(tmp_path / "none", "the rule x")


@pytest.mark.parametrize("keep", [0, 3, 8, 40, -1])
def test_cut_file(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "t.safetensors"
    write_tensors(path, example(), {})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(EmcError, match=r"t\.safetensors: damaged .* the rule x remakes it"):
        open_tensors(path, "the rule x")


def test_longer_file(tmp_path: Path) -> None:
    path = tmp_path / "t.safetensors"
    write_tensors(path, example(), {})
    path.write_bytes(path.read_bytes() + b"?")
    with pytest.raises(EmcError, match="its tensors have 54 bytes, its header says 53"):
        open_tensors(path, "the rule x")


@pytest.mark.parametrize("content", [b"PK\x03\x04" + bytes(400), b"\x10" + bytes(300), b"x" * 99])
def test_foreign_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "t.safetensors"
    path.write_bytes(content)
    with pytest.raises(EmcError, match="damaged or no tensor file"):
        open_tensors(path, "the rule x")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}, "entry 'x' is"),
        ({"dtype": "U8", "shape": [2]}, "entry 'x' is"),
        ({"dtype": "U8", "shape": [-2], "data_offsets": [0, -2]}, r"tensor 'x' of U8 \[-2\]"),
        ({"dtype": "U8", "shape": [2.0], "data_offsets": [0, 2]}, "entry 'x' is"),
        ({"dtype": "U8", "shape": [2], "data_offsets": [0, "2"]}, "entry 'x' is"),
        ({"dtype": "U8", "shape": [3], "data_offsets": [0, 4]}, "has 4 bytes"),
        ({"dtype": "U8", "shape": [4], "data_offsets": [4, 8]}, "starts at 4, not at 0"),
        (17, "entry 'x' is 17"),
    ],
)
def test_wrong_header(tmp_path: Path, entry: object, message: str) -> None:
    text = json.dumps({"x": entry}).encode()
    path = tmp_path / "t.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(4))
    with pytest.raises(EmcError, match=message):
        open_tensors(path, "the rule x")


def test_a_folder_is_no_tensor_file(tmp_path: Path) -> None:
    with pytest.raises(EmcError, match="damaged or no tensor file"):
        open_tensors(tmp_path, "the rule x")
