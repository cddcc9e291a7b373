"""What is given as inputs and labels, and what is refused."""

import re
import tracemalloc
from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset, TensorDataset

from emc.api.arrays import arrays
from emc.errors import EmcError

INPUTS = np.random.default_rng(5).standard_normal((12, 4)).astype(np.float32)
LABELS = np.arange(12) % 3
X, Y = torch.from_numpy(INPUTS), torch.from_numpy(LABELS)


class Items(Dataset[Any]):
    """A torch data set with these items."""

    def __init__(self, items: list[Any]) -> None:
        self._items = items

    def __getitem__(self, index: int) -> Any:
        return self._items[index]

    def __len__(self) -> int:
        return len(self._items)


class Endless(Dataset[Any]):
    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return X[index], int(Y[index])


class Stream(IterableDataset[Any]):
    def __iter__(self) -> Iterator[Any]:
        return iter(zip(X, Y, strict=True))


PAIRS = [(one, int(label)) for one, label in zip(INPUTS, LABELS, strict=True)]


@pytest.mark.parametrize(
    "data",
    [
        (INPUTS, LABELS),
        (X, Y),
        (X.clone().requires_grad_(), Y.int()),
        (INPUTS.astype(np.float64), LABELS.astype(np.uint8)),
        (INPUTS.tolist(), LABELS.tolist()),
        (INPUTS, LABELS.astype(float)),
        (INPUTS.astype(">f4"), LABELS.astype(">i8")),
        (INPUTS.astype(np.longdouble), LABELS.astype(np.longdouble)),
        (np.ma.masked_array(INPUTS), np.ma.masked_array(LABELS)),
        (pl.DataFrame(INPUTS), pl.Series(LABELS)),
        (np.repeat(INPUTS, 2, axis=1)[:, ::2], np.repeat(LABELS, 2)[::2]),
        (X, Y[:, None]),
        (X, Y.float()[:, None]),
        (INPUTS, np.array(["ant", "bee", "cow"])[LABELS]),
        (INPUTS, ["abc"[label] for label in LABELS]),
        (INPUTS, np.array(["1", "10", "2"], dtype=object)[LABELS]),
        [(one, "abc"[label]) for one, label in zip(INPUTS, LABELS, strict=True)],
        TensorDataset(X, Y),
        TensorDataset(X.clone().requires_grad_(), Y),
        PAIRS,
        Items(PAIRS),
        Items([list(pair) for pair in PAIRS]),
    ],
)
def test_every_form_gives_the_same_arrays(data: Any) -> None:
    inputs, labels = arrays(data)
    assert (inputs.dtype, labels.dtype) == (np.float32, np.int64)
    np.testing.assert_array_equal(inputs, INPUTS)
    np.testing.assert_array_equal(labels, LABELS)


def test_bfloat16_is_read_exactly() -> None:
    inputs, _ = arrays((X.bfloat16(), Y))
    np.testing.assert_array_equal(inputs, X.bfloat16().float().numpy())


def test_a_list_of_two_is_a_data_set_of_two_pairs() -> None:
    inputs, labels = arrays(PAIRS[:2])
    np.testing.assert_array_equal(inputs, INPUTS[:2])
    np.testing.assert_array_equal(labels, [0, 1])


@pytest.mark.parametrize(
    ("data", "found"),
    [
        ("digits", "'digits'"),
        (7, "7"),
        (None, "None"),
        ({"inputs": 1}, "{'inputs': 1}"),
        (X, "Tensor of shape (12, 4)"),
        (INPUTS, "ndarray of shape (12, 4)"),
        ((X, Y, Y), "a tuple of 3"),
        ((X,), "a tuple of 1"),
        (tuple(PAIRS[:2]), "in the tuple"),
        ([X, Y], "item 0: Tensor of shape (12, 4)"),
        ([X[:2], Y[:2]], "item 0: Tensor of shape (2, 4)"),
        (TensorDataset(X, X, Y), "item 0: (tensor("),
        (TensorDataset(X), "item 0: (tensor("),
        (TensorDataset(X[:0], Y[:0]), "which is empty"),
        ([], "[], which is empty"),
        (Endless(), "which has no length"),
        (Stream(), "which has no length"),
        (iter(PAIRS), "list_iterator"),
        (TensorDataset, "the class TensorDataset"),
    ],
)
def test_other_forms_are_refused(data: Any, found: str) -> None:
    wanted = r"data: expected a tuple \(inputs, labels\) of arrays .*, found "
    with pytest.raises(EmcError, match=wanted + ".*" + re.escape(found)) as told:
        arrays(data)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ((INPUTS, ["1", 1, 2] * 4), "data: label 1: expected a word, as other labels are, found 1"),
        ((INPUTS, [2, 1, "2"] * 4), "data: label 0: expected a word, as other labels are, found 2"),
        (
            [(one, "1" if label else 1) for one, label in PAIRS],
            "data: label 0: expected a word, as other labels are, found 1",
        ),
        ((INPUTS, LABELS[:5]), "expected inputs [N, ...] and labels [N]"),
        ((INPUTS[:0], LABELS[:0]), "none of them empty, found (0, 4) and (0,)"),
        ((INPUTS[:, :0], LABELS), "none of them empty, found (12, 0) and (12,)"),
        ((np.float32(1), LABELS), "found () and (12,)"),
        ((INPUTS, LABELS + 0.5), "expected whole numbers as labels, found 0.5 at 0"),
        ((INPUTS, np.where(LABELS == 2, np.nan, LABELS)), "as labels, found nan at 2"),
        ((INPUTS, LABELS * 1e18), "expected whole numbers as labels, found 1e+18 at 1"),
        ((INPUTS, LABELS + 0j), "expected whole numbers as labels, found complex128"),
        ((INPUTS, [None, *LABELS[1:]]), "expected whole numbers as labels, found None at 0"),
        (
            (INPUTS, np.array([0, "a"] * 6, object)),
            "label 0: expected a word, as other labels are, found 0",
        ),
        ((INPUTS, LABELS.astype(object)), "Python objects: give `labels.astype(int)`"),
        ((INPUTS, ["ant", "bee", float("nan")] * 4), "label 2: found 'nan', which stands for a"),
        ((INPUTS, ["ant", "bee", "NA"] * 4), "a missing label: leave such samples out"),
        ((INPUTS, ["ant", "bee", " "] * 4), "label 2: found ' ', which stands for a missing"),
        ((INPUTS, LABELS.reshape(6, 2)), "found (12, 4) and (6, 2)"),
        ((INPUTS + 1j, LABELS), "expected inputs that are real numbers, found complex64"),
        ((X + 1j, Y), "expected inputs that are real numbers, found complex64"),
        ((INPUTS.astype(str), LABELS), "expected inputs that are real numbers, found <U"),
        (
            (INPUTS.astype(object), LABELS),
            "expected inputs that are real numbers, found numbers that are Python objects: give"
            " `inputs.astype(float)`",
        ),
        (
            (pl.DataFrame({"a": [1.0] * 12, "b": ["x"] * 12}), LABELS),
            "expected inputs that are real numbers, found 'x' at [0, 1]",
        ),
        (
            (np.ma.masked_greater(INPUTS, 1.5), LABELS),
            f"inputs: expected an array without masked values, found {(INPUTS > 1.5).sum()} of 48:"
            " leave their samples out, or fill them in",
        ),
        ((INPUTS, np.ma.masked_equal(LABELS, 2)), "labels: expected an array without masked"),
        (
            [(np.ma.masked_equal([1, 2], 2), 0), (np.ones(2), 1)],
            "input 0: expected an array without masked values, found 1 of 2",
        ),
        (([[1.0, 2.0], [3.0]], [0, 1]), "inputs: no array: "),
        ((X.to_sparse(), Y), "expected a dense tensor with values, found one of layout"),
        ((X.to("meta"), Y), "found one on the device 'meta'"),
        ((np.full_like(INPUTS, np.nan), LABELS), "input 0 is not finite: expected finite"),
        ((X.double() * 1e300, Y), "input 0 is not finite as float32: expected finite numbers"),
        ((X.double() * 1e-60, Y), "as float32: standardise them before"),
        ((X.double() * 1e-6 + 1e9, Y), "are all 1e+09 as float32"),
        ((np.arange(48).reshape(12, 4) + 2**60, LABELS), "at [0] are all 1.15292e+18 as float32"),
        ((np.full((12, 4), 1e300), LABELS), "input 0 is not finite as float32"),
        ([(INPUTS[0], 0), (INPUTS[1, :3], 1)], "found (4,) at 0 and (3,) at 1"),
        ([(INPUTS[0], 0), (INPUTS[1], [1, 2])], "label 1: expected a whole number, found [1, 2]"),
        ([(INPUTS[0], 0.5), (INPUTS[1], 1)], "expected whole numbers as labels, found 0.5 at 0"),
        ([({"a": 1}, 0), (INPUTS[1], 1)], "found () at 0 and (4,) at 1"),
        ([PAIRS[0], X], "item 1: Tensor of shape (12, 4)"),
    ],
)
def test_wrong_numbers_are_told(data: Any, message: str) -> None:
    with pytest.raises(EmcError, match=re.escape(message)) as told:
        arrays(data)
    assert str(told.value).startswith("data: ")
    assert "\n" not in str(told.value)


def test_an_item_that_cannot_be_read_is_told() -> None:
    class Broken(Items):
        def __getitem__(self, index: int) -> Any:
            raise OSError("the disk is gone")

    with pytest.raises(EmcError, match=r"item 0 of .* cannot be read: OSError: the disk is gone"):
        arrays(Broken(PAIRS))


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        (LABELS + 1, "found 3 different ones from 1 to 3"),
        (LABELS - 1, "found 3 different ones from -1 to 1"),
        (LABELS * 2, "found 3 different ones from 0 to 4, without 1"),
        (LABELS * 0, "found 1 different ones from 0 to 0, without 1"),
        (np.where(LABELS == 2, 2**62, LABELS).astype(np.uint64), "to 4611686018427387904"),
    ],
)
def test_labels_are_the_classes_from_0_on(labels: np.ndarray, found: str) -> None:
    with pytest.raises(EmcError, match=r"expected labels 0 to classes - 1.*" + re.escape(found)):
        arrays((INPUTS, labels))


def test_truth_values_are_two_classes() -> None:
    np.testing.assert_array_equal(arrays((INPUTS, LABELS == 1))[1], LABELS == 1)


def test_a_label_beyond_what_labels_can_be() -> None:
    labels = np.where(LABELS == 2, 2**63, LABELS).astype(np.uint64)
    with pytest.raises(EmcError, match=r"data: expected labels below 2\^63, found 92233720368547"):
        arrays((INPUTS, labels))


def test_one_large_label_costs_no_memory() -> None:
    labels = LABELS.copy()
    labels[-1] = 30_000_000
    tracemalloc.start()
    try:
        with pytest.raises(EmcError, match="from 0 to 30000000, without 3"):
            arrays((INPUTS, labels))
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
