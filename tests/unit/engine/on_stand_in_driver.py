"""What runs in a process that finds the stand-in for a driver: see test_card_binding."""

import os
from pathlib import Path

import pytest
from tests.unit.engine.cases import CNN, SGD, assert_same_training, procedure, replicas
from tests.unit.engine.interrupted import assert_same_bits, to_the_end

from emc.engine.persistent import Persistent, card, group
from emc.engine.persistent.card import Card, CardProgram
from emc.engine.procedure import Procedure, Update
from emc.engine.sequential import Sequential
from emc.native.build import library
from emc.native.nvrtc import binary_of
from emc.native.unavailable import UnavailableError

KERNEL = "EMC_STAND_IN_KERNEL"
CALLS = "EMC_STAND_IN_CALLS"
ASKED = procedure(update=Update("adam"), epochs=12)
GIVEN = replicas([40, 21, 33, 17, 25, 30, 12], lr=0.01)


@pytest.fixture
def _kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tell the driver where a kernel's twin for the processor lies, before it loads that."""
    program = Card.program

    def told(self: Card, code: str) -> CardProgram:
        monkeypatch.setenv(KERNEL, str(library(code)))
        return program(self, code)

    monkeypatch.setattr(Card, "program", told)


def launches() -> list[tuple[int, int]]:
    """Blocks, and bytes of each, of all launches so far."""
    lines = Path(os.environ[CALLS]).read_text().splitlines()
    return [(int(blocks), int(size)) for blocks, size in map(str.split, lines)]


@pytest.mark.usefixtures("_kernels")
@pytest.mark.parametrize(
    "asked", [ASKED, procedure(layers=CNN, update=SGD, epochs=3)], ids=["adam", "cnn"]
)
def test_a_card_trains_as_the_reference(asked: Procedure) -> None:
    found = Persistent(Card()).run(asked, GIVEN)
    for one, expected in zip(found, Sequential("cpu").run(asked, GIVEN), strict=True):
        assert_same_training(one, expected)
    blocks, size = launches()[-1]
    assert blocks == 6
    assert 48 << 10 < size <= 227 << 10


@pytest.mark.usefixtures("_kernels")
def test_a_call_that_is_killed_goes_on_to_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    back_end = Persistent(Card())
    calm = back_end.run(ASKED, GIVEN)
    monkeypatch.setattr(group, "_FIRST_STEPS", 1)
    monkeypatch.setattr(group, "_SLICE_SECONDS", 1e-9)
    found, kills = to_the_end(lambda kept: back_end.run(ASKED, GIVEN, kept))
    assert_same_bits(found, calm)
    assert kills > 5


@pytest.mark.parametrize(
    ("machine", "words"),
    [(62, "device kernel image is invalid"), (190, "no kernel image is available")],
)
def test_a_kernel_that_the_driver_refuses_again_is_told(
    machine: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One for x86-64, and one of which the driver finds nothing for this card."""

    def other(path: Path) -> bytes:
        whole = bytearray(binary_of(path))
        whole[18:20] = machine.to_bytes(2, "little")
        return bytes(whole)

    monkeypatch.delenv(KERNEL, raising=False)
    monkeypatch.setattr(card, "binary_of", other)
    told = rf"driver \(for CUDA 13.0\) does not load the compiled kernel: CUDA error: {words}"
    with pytest.raises(UnavailableError, match=told):
        Persistent(Card()).run(ASKED, GIVEN)
