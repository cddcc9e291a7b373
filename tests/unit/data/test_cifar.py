"""CIFAR's formats, and what a pickle may not do."""

import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest
from tests.unit.data.formats import python2_array, python2_batch

from emc.data.cifar import read_batch, read_records
from emc.errors import EmcError

DRAW = np.random.default_rng(0)
IMAGES = DRAW.integers(0, 256, (5, 3072), dtype=np.uint8)
LABELS = [3, 0, 99, 7, 7]


def test_made_up_batch_is_a_genuine_pickle() -> None:
    content = python2_batch(IMAGES, LABELS, b"fine_labels")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy.core has moved since CIFAR was written
        batch = pickle.loads(content, encoding="bytes")
    np.testing.assert_array_equal(batch[b"data"], IMAGES)
    assert batch[b"fine_labels"] == LABELS


def test_python_version() -> None:
    part = read_batch(python2_batch(IMAGES, LABELS, b"fine_labels"), "train", b"fine_labels")
    np.testing.assert_array_equal(part.inputs, IMAGES.reshape(5, 3, 32, 32))
    assert part.labels.dtype == np.int64
    assert part.labels.tolist() == LABELS


@pytest.mark.parametrize("labels", [1, 2])
def test_binary_version(labels: int) -> None:
    """CIFAR-100 has a coarse label first, then the fine one."""
    coarse = np.full((5, labels - 1), 250, dtype=np.uint8)
    fine = np.array(LABELS, dtype=np.uint8)[:, None]
    content = np.hstack([coarse, fine, IMAGES]).tobytes()
    part = read_records(content, "train.bin", labels)
    np.testing.assert_array_equal(part.inputs, IMAGES.reshape(5, 3, 32, 32))
    assert part.labels.tolist() == LABELS


@pytest.mark.parametrize("content", [b"", bytes(3072), bytes(3074)])
def test_binary_version_cut_short(content: bytes) -> None:
    with pytest.raises(EmcError, match=r"a\.bin: expected records of 3073 bytes, found \d+ bytes"):
        read_records(content, "a.bin", 1)


class Malicious:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.target,)


def test_malicious_pickle_runs_nothing(tmp_path: Path) -> None:
    content = pickle.dumps({b"data": Malicious(tmp_path / "ran"), b"labels": []}, protocol=2)
    with pytest.raises(EmcError, match=r"data_batch_1: expected a CIFAR batch .*it asks for"):
        read_batch(content, "data_batch_1", b"labels")
    assert not (tmp_path / "ran").exists()
    pickle.loads(content)
    assert (tmp_path / "ran").exists(), "the pickle is not malicious"


@pytest.mark.parametrize(
    "asked", [b"cos\nsystem\n", b"c__builtin__\neval\n", b"cnumpy\nload\n", b"cnumpy\nmemmap\n"]
)
def test_only_what_an_array_needs(asked: bytes) -> None:
    with pytest.raises(EmcError, match="UnpicklingError: it asks for"):
        read_batch(b"\x80\x02" + asked + b"U\x02id\x85R.", "batch", b"labels")


def test_arrays_of_objects_are_refused() -> None:
    content = b"\x80\x02}U\x04data" + python2_array(IMAGES, b"O8") + b"s."
    with pytest.raises(EmcError, match="array of type b'O8'"):
        read_batch(content, "batch", b"labels")


@pytest.mark.parametrize("keep", [0, 10, 9000, -1])
def test_python_version_cut_short(keep: int) -> None:
    content = python2_batch(IMAGES, LABELS, b"labels")
    with pytest.raises(EmcError, match="batch: expected a CIFAR batch of the python version"):
        read_batch(content[:keep], "batch", b"labels")


def test_missing_labels() -> None:
    with pytest.raises(EmcError, match="KeyError: b'labels'"):
        read_batch(python2_batch(IMAGES, LABELS, b"fine_labels"), "batch", b"labels")


def test_fewer_labels_than_images() -> None:
    with pytest.raises(EmcError, match="ValueError"):
        read_batch(python2_batch(IMAGES, LABELS[:3], b"labels"), "batch", b"labels")
