"""What runs in a process that finds the stand-in for a driver: see test_card_binding."""

import fcntl
import os
import subprocess
import sys
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
    lines = map(str.split, Path(os.environ[CALLS]).read_text().splitlines())
    return [(int(line[0]), int(line[1])) for line in lines if line[0].isdecimal()]


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


CHOOSING = """
from emc.measurement.device_choice import device_to_certify, device_to_measure, device_to_test
from emc.study import Cell
for name, sizes in (("mlp-mixer", {}), ("vit", {"heads": 2}), ("mlp", {})):
    net = {"name": name, "depth": 1, "width": 8} | ({} if name == "mlp" else {"patch": 4}) | sizes
    cell = Cell.model_validate({"dataset": "digits", "architecture": net})
    device_to_measure(cell, "auto"), device_to_test(cell, 3), device_to_certify(cell)
"""
HOLDING = """
import sys
from pathlib import Path
from emc.jobs.cards import one_card
with one_card(Path(sys.argv[1])):
    import torch
    torch.autograd.backward(torch.ones(2, requires_grad=True).sum())
"""


def begun_with(code: str, folder: Path) -> str:
    """Which cards a process sees that runs some code, as it begins CUDA, if it does."""
    calls = folder / "calls"
    environment = {**os.environ, CALLS: str(calls), "CUDA_VISIBLE_DEVICES": "3,1"}
    command = [sys.executable, "-W", "ignore", "-c", code, str(folder)]
    subprocess.run(command, env=environment, check=True)
    return calls.read_text() if calls.exists() else ""


def test_cuda_does_not_begin_while_a_device_is_chosen(tmp_path: Path) -> None:
    """It keeps to the cards that it sees then: a job would not get the one that it holds."""
    assert begun_with(CHOOSING, tmp_path) == ""


def test_cuda_begins_with_the_card_that_a_job_holds(tmp_path: Path) -> None:
    """The first gradient begins it, on the processor, too."""
    with (tmp_path / "3.0.lock").open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert begun_with(HOLDING, tmp_path) == "begun with 1\n"
