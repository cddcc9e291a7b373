"""Inputs and labels that a program hands over: what they become, and what is refused."""

from numbers import Real
from typing import Any

import numpy as np

from emc.data.class_names import cut
from emc.errors import EmcError


def as_inputs(what: str, values: np.ndarray) -> np.ndarray:
    """Real numbers [n, ...] as float32, C-contiguous; pixels of dtype uint8 stay as they are.

    Raises:
        EmcError: they are no real finite numbers, or float32 cannot hold them: one is too large, or
            samples that differ in a feature do not differ any more.
    """
    if values.dtype.kind not in "biuf":
        found = found_kind(values, "inputs")
        raise EmcError(f"{what}: expected inputs that are real numbers, found {found}")
    if values.dtype == np.uint8:
        return np.ascontiguousarray(values)
    with np.errstate(over="ignore"):
        exact = np.ascontiguousarray(values, dtype=np.float32)
    finite = np.isfinite(exact).reshape(len(exact), -1).all(axis=1)
    if not finite.all():
        row = int(finite.argmin())
        kind = "is not finite as float32" if np.isfinite(values[row]).all() else "is not finite"
        raise EmcError(f"{what}: input {row} {kind}: expected finite numbers below 3.4e38")
    if exact.dtype != values.dtype:
        _refuse_collapsed(what, values, exact)
    return exact


def as_labels(what: str, values: np.ndarray) -> np.ndarray:
    """Class numbers int64 [n] of whole numbers or truth values; [n, 1] is read as [n], 1.0 as 1.

    Raises:
        EmcError: they are nothing of the kind.
    """
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.dtype.kind == "f":
        whole = np.isfinite(values) & (values == np.round(values)) & (abs(values) < 2**53)
        if not whole.all():
            place = int(whole.argmin())
            raise EmcError(
                f"{what}: expected whole numbers as labels, found {values.flat[place]} at {place}"
            )
    elif values.dtype.kind not in "biu":
        text = values.dtype.kind in "UT"
        found = "text: number the classes 0, 1, ..." if text else found_kind(values, "labels")
        raise EmcError(f"{what}: expected whole numbers as labels, found {found}")
    if values.dtype.kind == "u" and values.size and values.max() > np.iinfo(np.int64).max:
        raise EmcError(f"{what}: expected labels below 2^63, found {values.max()}")
    return values.astype(np.int64)


def refuse_masked(what: str, values: Any) -> None:
    """Raise for an array of numpy with masked values: what stands below a mask is no number."""
    if isinstance(values, np.ma.MaskedArray) and (masked := np.ma.getmaskarray(values)).any():
        raise EmcError(
            f"{what}: expected an array without masked values, found {masked.sum():,} of"
            f" {masked.size:,}: leave their samples out, or fill them in"
        )


def found_kind(values: np.ndarray, called: str) -> str:
    """The type of an array that is none of numbers; of objects, the first that is no number."""
    if values.dtype.kind != "O":
        return str(values.dtype)
    for place, value in zip(np.ndindex(values.shape), values.flat, strict=True):
        if not isinstance(value, Real):
            where = place[0] if len(place) == 1 else list(place)
            return f"{cut(value)} at {where}"
    wanted = "float" if called == "inputs" else "int"
    return f"numbers that are Python objects: give `{called}.astype({wanted})`"


def _refuse_collapsed(what: str, values: np.ndarray, exact: np.ndarray) -> None:
    """Raise where all samples become equal in a feature in which they differed."""
    lost = (values.min(axis=0) < values.max(axis=0)) & (exact.min(axis=0) == exact.max(axis=0))
    if lost.any():
        feature = tuple(np.argwhere(lost)[0].tolist())
        low, high, same = (
            values.min(axis=0)[feature],
            values.max(axis=0)[feature],
            exact[0][feature],
        )
        raise EmcError(
            f"{what}: inputs from {low:g} to {high:g} at {list(feature)} are all {same:g} as"
            " float32: standardise them before"
        )
