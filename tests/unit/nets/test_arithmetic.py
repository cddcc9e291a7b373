"""The arithmetic of training, and what the process has before and after."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from operator import attrgetter
from threading import Barrier
from typing import Any

import pytest
import torch

from emc.errors import EmcError
from emc.nets.arithmetic import exact_float32, refuse_surroundings
from emc.nets.noise import GeneratorState, seeded


def settings() -> tuple[object, ...]:
    return (
        torch.get_float32_matmul_precision(),
        torch.backends.cudnn.deterministic,
        torch.backends.cudnn.allow_tf32,
        torch.backends.mha.get_fastpath_enabled(),
        torch.backends.cuda.flash_sdp_enabled(),
    )


EXACT = ("highest", True, False, False, False)


def test_settings_hold_within_and_come_back() -> None:
    before = settings()
    with exact_float32():
        assert settings() == EXACT
        with exact_float32():
            assert settings() == EXACT
        assert settings() == EXACT
    assert settings() == before != EXACT


PLACES = (
    "backends",
    *(
        f"backends.{place}"
        for place in (
            *("cuda.matmul", "cudnn", "cudnn.conv", "cudnn.rnn"),
            *("mkldnn", "mkldnn.matmul", "mkldnn.conv", "mkldnn.rnn"),
        )
    ),
)
NEWER = {place: attrgetter(place)(torch) for place in PLACES}


@pytest.fixture
def newer() -> Iterator[dict[str, Any]]:
    """Torch's newer settings of precision, as they are before a test and again after it."""
    before = {name: each.fp32_precision for name, each in NEWER.items()}
    yield NEWER
    for name, each in NEWER.items():
        each.fp32_precision = before[name]


@pytest.mark.parametrize("place", NEWER)
def test_they_hold_where_a_process_uses_torchs_newer_ones(
    place: str, newer: dict[str, Any]
) -> None:
    """Torch raises where it is asked for the older ones then."""
    newer[place].fp32_precision = "tf32"
    before = {name: each.fp32_precision for name, each in newer.items()}
    with exact_float32():
        assert settings() == EXACT
        assert newer["backends.cuda.matmul"].fp32_precision in {"ieee", "none"}
        assert newer["backends.cudnn.conv"].fp32_precision in {"ieee", "none"}
    assert {name: each.fp32_precision for name, each in newer.items()} == before


@pytest.mark.parametrize("precision", ["high", "medium"])
def test_they_hold_where_a_process_asked_for_faster_products(precision: str) -> None:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        with exact_float32():
            assert settings() == EXACT
            assert torch.backends.cuda.matmul.fp32_precision in {"ieee", "none"}
        assert torch.get_float32_matmul_precision() == precision
        assert torch.backends.cuda.matmul.fp32_precision == "tf32"
    finally:
        torch.set_float32_matmul_precision(before)


def test_they_come_back_after_an_error() -> None:
    before = settings()
    with pytest.raises(ValueError, match="inside"), exact_float32():
        raise ValueError("inside")
    assert settings() == before


def test_threads_that_leave_one_by_one_keep_them_for_the_others() -> None:
    before, inside = settings(), Barrier(2)

    def first() -> None:
        with exact_float32():
            inside.wait()
        inside.wait()

    def second() -> tuple[object, ...]:
        with exact_float32():
            inside.wait()
            inside.wait()
            return settings()

    with ThreadPoolExecutor(2) as pool:
        early, late = pool.submit(first), pool.submit(second)
        early.result()
        assert late.result() == EXACT
    assert settings() == before


def test_a_surrounding_autocast_stays_outside() -> None:
    x = torch.randn(3, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert (x @ x).dtype == torch.bfloat16
        with exact_float32():
            assert (x @ x).dtype == torch.float32


def test_surroundings_that_are_refused() -> None:
    refuse_surroundings()
    with (
        torch.autocast("cpu", dtype=torch.bfloat16),
        pytest.raises(EmcError, match=r"expected a call outside of torch\.autocast, found"),
    ):
        refuse_surroundings()
    torch.set_default_dtype(torch.float64)
    try:
        with pytest.raises(EmcError, match=r"expected .* float32, found torch.float64"):
            refuse_surroundings()
    finally:
        torch.set_default_dtype(torch.float32)


def test_seeded_draws_are_the_same_and_the_callers_go_on() -> None:
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    with seeded(3):
        first = torch.rand(4)
        with seeded(4):
            torch.rand(7)
        state = GeneratorState(torch.device("cpu"))
        rest = torch.rand(2)
        state.restore()
        assert torch.equal(rest, torch.rand(2))
    with seeded(3):
        assert torch.equal(first, torch.rand(4))
    assert torch.equal(expected, torch.rand(2))


def test_threads_draw_one_after_the_other() -> None:
    def draws(seed: int) -> list[float]:
        with seeded(seed):
            return [float(torch.rand(())) for _ in range(300)]

    alone = [draws(seed) for seed in range(8)]
    torch.manual_seed(1)
    before = torch.get_rng_state()
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(draws, range(8))) == alone
    assert torch.equal(before, torch.get_rng_state())
