"""Padded images, windows of them, and arguments of torch's that are a number or two."""

from typing import Any, Final

import numpy as np

from emc.nets.graph import ZERO, Taken
from emc.nets.tracing.symbol import Symbol, samples_first
from emc.nets.tracing.untraceable import UntraceableError

_PADDED: Final = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}
"""numpy's names of torch's ways to pad an image from within."""


def pad(x: object, pad: Any, mode: str = "constant", value: Any = None) -> Symbol:
    """torch.nn.functional.pad."""
    x = samples_first(x)
    pairs = list(zip(pad[::2], pad[1::2], strict=True))[::-1]
    if any(type(side) is not int or side < 0 for side in pad) or len(pairs) >= x.ndim:
        raise UntraceableError("it pads by something else than whole numbers from 0")
    around = [(0, 0)] * (x.places.ndim - len(pairs)) + pairs
    if mode == "constant":
        if value:
            raise UntraceableError(f"it pads with {value}")
        return x.like(np.pad(x.places, around, constant_values=ZERO))
    if mode not in _PADDED:
        raise UntraceableError(f"it pads by {mode!r}")
    places = np.pad(x.recorder.computed(x.places), around, mode=_PADDED[mode])  # type: ignore[call-overload]
    return x.like(x.recorder.add(Taken(places.ravel()), places).reshape(places.shape))


def sides_of(
    padding: Any, kernel: tuple[int, int], dilation: tuple[int, int]
) -> list[tuple[int, int]]:
    """By how much each dimension of an image is padded, before and after."""
    if padding == "same":
        all_of = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return [(pad // 2, pad - pad // 2) for pad in all_of]
    return [(pad, pad) for pad in pair(0 if padding == "valid" else padding)]


def pair(value: Any) -> tuple[int, int]:
    """A number or two of torch's arguments, as two."""
    both = tuple(value) if isinstance(value, tuple | list) else (value, value)
    if len(both) == 1:
        both *= 2
    if len(both) != 2 or any(type(each) is not int for each in both):
        raise UntraceableError(f"expected a number or two, found {value!r}")
    return both


def windows(
    images: np.ndarray,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int] = (1, 1),
) -> tuple[np.ndarray, tuple[int, int]]:
    """Places [channels, high, wide, *kernel] of the windows, and how many there are."""
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    views = np.lib.stride_tricks.sliding_window_view(images, spans, axis=(1, 2))
    picked = views[:, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]]
    return picked, (picked.shape[1], picked.shape[2])
