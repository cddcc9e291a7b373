"""What is given as inputs and labels, as plain arrays."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import torch
from torch.utils.data import DataLoader

from emc.data.class_names import stands_for_none
from emc.data.conversion import as_inputs, as_labels, refuse_masked
from emc.errors import EmcError, one_line, shown

_WANTED: Final = (
    "data: expected a tuple (inputs, labels) of arrays or tensors, or a data set with a length"
    " whose items are pairs (input, label)"
)


def arrays(data: Any) -> tuple[np.ndarray, np.ndarray]:
    """Inputs float32 [N, *shape] and labels int64 [N].

    Labels are whole numbers, also as floats, truth values, or words, which are numbered in
    alphabetical order.

    A tuple of two holds all inputs and all labels; whatever else has a length and items, a list
    too, is a data set.

    Raises:
        EmcError: the data have another form, its inputs are no finite real numbers of one shape,
            or its labels are not the classes 0, 1, ..., at least two, each of them present.
    """
    inputs, labels = halves("data", data)
    return as_inputs("data", inputs).astype(np.float32), _classes(
        as_labels("data", _numbered(labels))
    )


def halves(name: str, data: Any) -> tuple[np.ndarray, np.ndarray]:
    """Inputs [N, *shape] and labels [N] or [N, 1] of the argument `name`, of whatever types.

    Raises:
        EmcError: the data have another form, or inputs and labels are not one each.
    """
    try:
        inputs, labels = _halves(data) if isinstance(data, tuple) else _gathered(data)
    except EmcError as error:
        raise EmcError(str(error).replace("data:", f"{name}:", 1)) from error.__cause__
    single = labels.shape in {(labels.size,), (labels.size, 1)}
    if not single or inputs.ndim < 1 or len(labels) != len(inputs) or not inputs.size:
        one_hot = labels.ndim == 2 and len(labels) == len(inputs) and _is_one_hot(labels)
        hint = ": give `labels.argmax(1)` of one-hot labels" if one_hot else ""
        raise EmcError(
            f"{name}: expected inputs [N, ...] and labels [N], none of them empty, found"
            f" {inputs.shape} and {labels.shape}{hint}"
        )
    return inputs, labels


def array(what: str, value: Any) -> np.ndarray:
    """One value as an array; `what` it is, for an error.

    Raises:
        EmcError: it is no dense array.
    """
    try:
        return _array(what, value)
    except EmcError as error:
        raise EmcError(str(error).removeprefix("data: ")) from error.__cause__


def _halves(data: tuple[Any, ...]) -> tuple[np.ndarray, np.ndarray]:
    if len(data) != 2:
        raise EmcError(f"{_WANTED}, found a tuple of {len(data)}")
    for half in data:
        if not isinstance(half, torch.Tensor | list) and not hasattr(half, "shape"):
            raise EmcError(f"{_WANTED}, found {shown(half)} in the tuple")
    return _array("inputs", data[0]), _array("labels", data[1])


def _gathered(data: Any) -> tuple[np.ndarray, np.ndarray]:
    pairs = [_pair(data, number) for number in range(_length(data))]
    for number, (one, _) in enumerate(pairs):
        if one.shape != pairs[0][0].shape:
            raise EmcError(
                f"data: expected inputs of one shape, found {pairs[0][0].shape} at 0 and"
                f" {one.shape} at {number}"
            )
    inputs, labels = zip(*pairs, strict=True)
    return np.stack(inputs), _of_one_kind(np.stack(labels), [label.item() for label in labels])


def _length(data: Any) -> int:
    if isinstance(data, DataLoader):
        raise EmcError(f"{_WANTED}, found a DataLoader: give its data set, loader.dataset")
    strange = isinstance(data, str | bytes | Mapping | type | torch.Tensor)
    if strange or hasattr(data, "shape") or not hasattr(data, "__getitem__"):
        raise EmcError(f"{_WANTED}, found {shown(data)}")
    try:
        length = len(data)
    except Exception as error:
        raise EmcError(f"{_WANTED}, found {shown(data)}, which has no length") from error
    if length < 1:
        raise EmcError(f"{_WANTED}, found {shown(data)}, which is empty")
    return length


def _pair(data: Any, number: int) -> tuple[np.ndarray, np.ndarray]:
    try:
        item = data[number]
    except Exception as error:
        raise EmcError(
            f"data: item {number} of {shown(data)} cannot be read:"
            f" {type(error).__name__}: {one_line(error)}"
        ) from error
    if not isinstance(item, tuple | list) or len(item) != 2:
        raise EmcError(f"{_WANTED}, found item {number}: {shown(item)}")
    label = _array(f"label {number}", item[1])
    if label.ndim:
        raise EmcError(f"data: label {number}: expected a whole number, found {shown(item[1])}")
    return _array(f"input {number}", item[0]), label


def _array(what: str, value: Any) -> np.ndarray:
    """A dense array of a kind that torch has; floats that numpy has not become float32."""
    if isinstance(value, torch.Tensor):
        return _of_tensor(what, value)
    refuse_masked(f"data: {what}", value)
    try:
        found = _as_torch_has(np.asarray(value))
        return _of_one_kind(found, value) if isinstance(value, list) else found
    except Exception as error:
        raise EmcError(
            f"data: {what}: no array: {one_line(error)}, found {shown(value)}"
        ) from error


def _of_one_kind(array: np.ndarray, given: list[Any]) -> np.ndarray:
    """The array of a list; of objects where numpy has made words of numbers among words."""
    mixed = array.dtype.kind == "U" and not all(isinstance(each, str) for each in given)
    return np.array(given, dtype=object) if mixed and array.ndim == 1 else array


def _as_torch_has(array: np.ndarray) -> np.ndarray:
    """The same numbers in this machine's order of bytes, those wider than float64 as such."""
    kind = array.dtype
    if kind.kind == "f" and kind.itemsize > np.dtype(np.float64).itemsize:
        return array.astype(np.float64)
    return array if kind.isnative else array.astype(kind.newbyteorder("="))


def _of_tensor(what: str, tensor: torch.Tensor) -> np.ndarray:
    unusable = {
        "a nested one": tensor.is_nested,
        f"one of layout {tensor.layout}": tensor.layout != torch.strided,
        "a quantized one": tensor.is_quantized,
        "one on the device 'meta'": tensor.is_meta,
    }
    for kind, is_so in unusable.items():
        if is_so:
            raise EmcError(f"data: {what}: expected a dense tensor with values, found {kind}")
    if tensor.is_floating_point() and tensor.dtype != torch.float64:
        tensor = tensor.float()
    return tensor.numpy(force=True)


def _is_one_hot(labels: np.ndarray) -> bool:
    values = labels.astype(float) if labels.dtype.kind in "biuf" else np.zeros((1, 1))
    return bool(((values == 0) | (values == 1)).all() and (values.sum(axis=1) == 1).all())


def _numbered(labels: np.ndarray) -> np.ndarray:
    """Words as their places in alphabetical order; all else as it is."""
    words = [isinstance(label, str) for label in labels.flat]
    if labels.dtype.kind not in "OUT" or not any(words):
        return labels
    for place, label in enumerate(labels.flat):
        if stands_for_none(str(label)):
            raise EmcError(
                f"data: label {place}: found {str(label)!r}, which stands for a missing label:"
                " leave such samples out"
            )
    if not all(words):
        place = words.index(False)
        raise EmcError(
            f"data: label {place}: expected a word, as other labels are, found"
            f" {shown(labels.flat[place])}"
        )
    return np.unique(labels.astype(str), return_inverse=True)[1].reshape(labels.shape)


def _classes(labels: np.ndarray) -> np.ndarray:
    found = np.unique(labels)
    if len(found) < 2 or found[0] != 0 or found[-1] != len(found) - 1:
        more = len(found) > 1
        numbered = ": give `numpy.unique(labels, return_inverse=True)[1]`" if more else ""
        gap = "" if found[0] else f", without {_first_absent(found)}"
        raise EmcError(
            "data: expected labels 0 to classes - 1, at least two, each present; found"
            f" {len(found)} different ones from {found[0]} to {found[-1]}{gap}{numbered}"
        )
    return labels


def _first_absent(found: np.ndarray) -> int:
    """The smallest whole number that is not among these ascending ones from 0."""
    return int(np.append(found == np.arange(len(found)), False).argmin())
