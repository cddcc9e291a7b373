"""Which back end runs, and what is said where one cannot."""

import logging
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pytest
from tests.unit.engine.cases import CLASSES, CNN, NormNet, TokenNet, procedure, replicas
from torch import Tensor, nn

from emc.engine import choose, run_probes
from emc.engine.checkpoint import Checkpoints
from emc.engine.choose import BACK_ENDS, back_end
from emc.engine.native import NativeBackEnd
from emc.engine.procedure import Procedure, Replica, TrainedRun
from emc.errors import EmcError
from emc.native.unavailable import UnavailableError
from emc.nets.build import net
from emc.study.architectures import Vit

TOKENS = procedure(layers=None, module=TokenNet)
NORMED = procedure(layers=None, module=NormNet, epochs=2)
VIT = procedure(
    layers=None,
    module=net(Vit(name="vit", depth=1, width=4), "gelu", "torch", (1, 8, 8), CLASSES),
)


@pytest.mark.parametrize(
    ("asked", "device", "expected"),
    [
        (procedure(), "cpu", "native"),
        (TOKENS, "cpu", "vmap"),
        (NORMED, "cpu", "sequential"),
        (VIT, "cpu", "native"),
        (VIT, "cuda", "persistent"),
        (procedure(), "cuda", "persistent"),
        (procedure(layers=CNN), "cuda", "persistent"),
        (TOKENS, "cuda", "compiled"),
        (NORMED, "cuda", "sequential"),
    ],
)
def test_the_fastest_that_can_is_chosen(asked: Procedure, device: str, expected: str) -> None:
    assert back_end(asked, device).name == expected


@pytest.mark.parametrize("name", BACK_ENDS)
def test_a_forced_back_end_is_taken(name: str) -> None:
    device = "cuda" if name == "persistent" else "cpu"
    assert back_end(procedure(), device, forced=name).name == name


@pytest.mark.parametrize(
    ("asked", "device", "forced", "message"),
    [
        (
            procedure(),
            "cpu",
            "jax",
            "expected one of native, persistent, .*, found 'jax'",
        ),
        (procedure(), "cuda", "native", "'native': expected the device 'cpu', found 'cuda'"),
        (procedure(), "cpu", "persistent", "'persistent': expected the device 'cuda', found 'cpu'"),
        (
            TOKENS,
            "cpu",
            "native",
            "the native back end cannot run .*: the net is a module",
        ),
        (
            NORMED,
            "cpu",
            "vmap",
            "the vmap back end cannot run .*: BatchNorm1d 'body.2'",
        ),
        (NORMED, "cpu", "compiled", "the compiled back end cannot run .*: BatchNorm1d"),
    ],
)
def test_a_forced_back_end_that_refuses_is_an_error(
    asked: Procedure, device: str, forced: str, message: str
) -> None:
    with pytest.raises(EmcError, match=message):
        back_end(asked, device, forced)
    with pytest.raises(EmcError, match=message):
        run_probes(asked, replicas([8]), device, forced)


def test_runs_name_the_back_end_that_ran() -> None:
    assert [run.back_end for run in run_probes(NORMED, replicas([8, 9]))] == ["sequential"] * 2
    forced = run_probes(procedure(), replicas([8]), back_end="vmap")
    assert [run.back_end for run in forced] == ["vmap"]


def cannot_build(*arguments: Any) -> list[TrainedRun]:
    raise UnavailableError("the compiler failed: kernel.cpp:1: error: no such instruction")


def test_without_a_compiler_the_next_one_runs_and_says_why(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(NativeBackEnd, "run", cannot_build)
    with caplog.at_level(logging.WARNING):
        runs = run_probes(procedure(), replicas([8]))
    assert [run.back_end for run in runs] == ["vmap"]
    assert "kernel.cpp:1: error: no such instruction" in caplog.text


def test_a_back_end_that_gave_way_is_not_tried_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(NativeBackEnd, "run", cannot_build)
    for _ in range(3):
        assert run_probes(procedure(), replicas([8]))[0].back_end == "vmap"
    assert caplog.text.count("gives way") == 1


def test_a_forced_native_without_a_compiler_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NativeBackEnd, "run", cannot_build)
    with pytest.raises(EmcError, match="no such instruction"):
        run_probes(procedure(), replicas([8]), back_end="native")


class Branching(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(20, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        sign = 1 if float(self.dense.bias.detach().sum()) > 0 else -1
        logits: Tensor = sign * self.dense(x.flatten(1))
        return logits


def test_what_a_trial_refuses_goes_to_the_reference(caplog: pytest.LogCaptureFixture) -> None:
    asked = procedure(layers=None, module=Branching, epochs=2)
    with caplog.at_level(logging.WARNING):
        runs = run_probes(asked, replicas([8, 9]))
    assert [run.back_end for run in runs] == ["sequential"] * 2
    assert "the vmap back end gives way to the next: Branching cannot train" in caplog.text


def test_a_users_mistake_is_not_tried_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    class Failing:
        def __init__(self, name: str) -> None:
            self.name = name

        def refuses(self, asked: Procedure) -> str | None:
            return None

        def run(
            self, asked: Procedure, given: Sequence[Replica], kept: Checkpoints
        ) -> list[TrainedRun]:
            tried.append(self.name)
            raise EmcError("labels out of range")

    monkeypatch.setattr(choose, "_made", lambda name, device: Failing(name))
    with pytest.raises(EmcError, match="labels out of range"):
        run_probes(procedure(), replicas([8]))
    assert tried == ["native"]


def test_no_torch_is_loaded_on_the_way_to_the_native_back_end() -> None:
    code = """
import sys
import numpy as np
from dataclasses import replace
from emc.engine import Procedure, Replica, Update, run_probes
from emc.engine.choose import settle
from emc.nets import Dense
layers = (Dense(2, 4, True, "relu"), Dense(4, 2, True, "identity"))
asked = Procedure(classes=2, update=Update("sgd", momentum=0.0), layers=layers, epochs=2)
inputs = np.eye(2, dtype=np.float32)
replica = Replica(inputs, np.arange(2), np.arange(2), seed=0, lr=0.1)
settle(replace(asked, epochs=10**6), [replica], "cpu")
(run,) = run_probes(asked, [replica])
assert run.back_end == "native", run.back_end
assert "torch" not in sys.modules
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": ":".join(sys.path), "PATH": "/usr/bin:/bin", "HOME": "/tmp"},
    )
    assert done.returncode == 0, done.stderr
