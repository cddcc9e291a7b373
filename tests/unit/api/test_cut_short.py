"""A measurement that ends before its answer keeps what its probes said."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import emc
from emc.api.cut_short import CutShortInterrupt
from emc.api.measurement import Measurement
from emc.measurement.unwritten import UnwrittenJournal

DRAW = np.random.default_rng(5)
INPUTS = DRAW.standard_normal((60, 4)).astype(np.float32)
LABELS = DRAW.integers(0, 2, 60)


class Maker:
    """Makes nets, until it fails by `error` once `last` are made."""

    def __init__(self, last: int | None = None, error: BaseException | None = None) -> None:
        self.made, self.last, self.error = 0, last, error

    def __call__(self) -> nn.Module:
        self.made += 1
        if self.error is not None and self.made > (self.last or 0):
            raise self.error
        return nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))


FAILING_LINE = Maker.__call__.__code__.co_firstlineno + 3


def measured(make: Callable[[], nn.Module]) -> Measurement:
    settings: dict[str, Any] = {"labels": "random", "optimizer": {"name": "adam", "lr": 0.05}}
    settings |= {"epochs": 10, "finish": {"iterations": 0}, "aim": "budget", "probes": 9}
    return emc.measure(make, (INPUTS, LABELS), **settings)


@pytest.fixture(scope="module")
def undisturbed() -> tuple[Measurement, int]:
    """The same measurement to its end, and how many nets it made."""
    make = Maker()
    return measured(make), make.made


def untimed(found: Measurement) -> list[dict[str, Any]]:
    return found.probes.drop("seconds", "finish_seconds").to_dicts()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("boom"), "ValueError: boom"),
        (MemoryError(), "MemoryError"),
        (SystemExit(3), "SystemExit: 3"),
        (emc.EmcError("no net"), "no net"),
    ],
    ids=lambda one: type(one).__name__,
)
def test_probes_before_an_error_of_the_net_are_kept(
    error: BaseException, said: str, undisturbed: tuple[Measurement, int]
) -> None:
    whole, made = undisturbed
    with pytest.raises(emc.CutShortError, match=r"^cut short at n = ") as told:
        measured(Maker(made - 3, error))
    found = told.value.measured
    assert found is not None
    assert 1 < len(found.records) < len(whole.records)
    assert untimed(found) == untimed(whole)[: len(found.records)]
    line = f"{said} ({__file__}, line {FAILING_LINE})"
    n = whole.records[len(found.records)].n
    kept = f"the {len(found.records)} probes before it are in this error's `measured`"
    assert str(told.value) == f"cut short at n = {n} by {line}; {kept}"
    assert told.value.__cause__ is error
    assert str(found).splitlines()[1] == f"  cut short by {line}"


def test_ctrl_c_keeps_them_too(undisturbed: tuple[Measurement, int]) -> None:
    whole, made = undisturbed
    with pytest.raises(CutShortInterrupt, match=r"^stopped at n = \d+; the \d+ probes") as told:
        measured(Maker(made - 3, KeyboardInterrupt()))
    assert isinstance(told.value, KeyboardInterrupt)
    found = told.value.measured
    assert found is not None
    assert untimed(found) == untimed(whole)[: len(found.records)]
    assert found.cut_short_by == "Ctrl-C"


def test_where_there_are_none_yet_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(UnwrittenJournal, "append", fails)
    line = re.escape(f"RuntimeError: boom ({__file__}, line ")
    wanted = rf"^cut short at n = \d+ by {line}\d+\); before any probe was finished$"
    with pytest.raises(emc.CutShortError, match=wanted) as told:
        measured(Maker())
    assert told.value.measured is None


def test_an_error_of_the_program_itself_has_no_line_of_the_users(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(UnwrittenJournal, "append", torch.empty)
    with pytest.raises(emc.CutShortError, match=r"TypeError: [^;]*; before") as told:
        measured(Maker())
    assert __file__ not in str(told.value)
