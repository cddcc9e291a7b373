"""The arithmetic of training and evaluation, whatever the process uses otherwise."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from operator import attrgetter
from threading import Lock
from typing import Final, TypeVar

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from emc.errors import EmcError

Told = TypeVar("Told")

_CHANGE = Lock()
_callers = 0
_settings = ExitStack()
"""What the process had before the first caller came, given back as the last one leaves."""


@contextmanager
def exact_float32() -> Iterator[None]:
    """Whole float32 products, repeatable convolutions, and operations that torch.func knows.

    That is: no TF32, no surrounding autocast, and attention as plain products, neither by its fused
    kernels nor by the layers' fast path of inference: vmap cannot take these apart. All but
    autocast are settings of the process: threads share them.
    """
    _enter()
    try:
        with torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
            yield
    finally:
        _leave()


def refuse_surroundings() -> None:
    """See that nothing around a call asks for another arithmetic than float32.

    Raises:
        EmcError: torch's default dtype is another, or autocast is on.
    """
    if (found := torch.get_default_dtype()) != torch.float32:
        raise EmcError(
            f"expected torch's default dtype float32, found {found}: training is in float32; call"
            " torch.set_default_dtype(torch.float32) before"
        )
    for device in ("cpu", "cuda"):
        if torch.is_autocast_enabled(device):
            raise EmcError(
                f"expected a call outside of torch.autocast, found it on for {device!r}: training"
                " is in float32"
            )


def _enter() -> None:
    global _callers  # noqa: PLW0603  # the settings are the process's
    with _CHANGE:
        if not _callers:
            _settings.enter_context(_whole_products())
            _settings.enter_context(
                torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)
            )
            _settings.enter_context(_no_fast_path())
            _settings.enter_context(sdpa_kernel(SDPBackend.MATH))
        _callers += 1


def _leave() -> None:
    global _callers  # noqa: PLW0603
    with _CHANGE:
        _callers -= 1
        if not _callers:
            _settings.close()


@contextmanager
def _whole_products() -> Iterator[None]:
    """No TF32 or bfloat16 in products, by both of torch's ways to say so.

    Torch reads the older settings only where the newer `fp32_precision` agree with them, so that a
    process that has used these cannot be asked for the older ones.
    """
    products = _if_told(torch.get_float32_matmul_precision)
    convolutions = _if_told(lambda: torch.backends.cudnn.allow_tf32)
    newer = [each.fp32_precision for each in _PRECISIONS]
    _set_precisions("highest", ["ieee"] * len(newer), convolutions=False)
    try:
        yield
    finally:
        _set_precisions(products, newer, convolutions=convolutions)


_PRECISIONS: Final = attrgetter(
    "backends",
    "backends.cuda.matmul",
    "backends.cudnn",
    "backends.cudnn.conv",
    "backends.cudnn.rnn",
    "backends.mkldnn",
    "backends.mkldnn.matmul",
    "backends.mkldnn.conv",
    "backends.mkldnn.rnn",
)(torch)
"""What has a setting `fp32_precision`, the more general first."""


def _if_told(ask: Callable[[], Told]) -> Told | None:
    """An older setting, or None where newer ones contradict it."""
    try:
        return ask()
    except RuntimeError:
        return None


def _set_precisions(
    products: str | None, newer: Sequence[str], *, convolutions: bool | None
) -> None:
    """The older settings where they are told, then the newer ones."""
    if products is not None:
        torch.set_float32_matmul_precision(products)
    if convolutions is not None:
        torch.backends.cudnn.allow_tf32 = convolutions
    for each, precision in zip(_PRECISIONS, newer, strict=True):
        each.fp32_precision = precision


@contextmanager
def _no_fast_path() -> Iterator[None]:
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)
