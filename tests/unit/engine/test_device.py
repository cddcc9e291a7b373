"""Devices on made-up machines."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from emc.engine.device import card_of, resolve
from emc.errors import EmcError


@pytest.fixture
def gpu_nodes(tmp_path: Path) -> Path:
    (tmp_path / "nvidia0").touch()
    return tmp_path


def test_auto_asks_torch_where_a_gpu_is_possible(
    gpu_nodes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert resolve("auto", gpu_nodes) == "cuda"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve("auto", gpu_nodes) == "cpu"


@pytest.mark.parametrize("hidden", ["", "-1", " "])
def test_auto_believes_an_environment_that_hides_all_gpus(
    gpu_nodes: Path, monkeypatch: pytest.MonkeyPatch, hidden: str
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert resolve("auto", gpu_nodes) == "cpu"


def test_auto_is_the_cpu_where_no_driver_left_a_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    (tmp_path / "nvidiactl").touch()
    assert resolve("auto", tmp_path) == "cpu"


def test_auto_says_that_it_takes_the_processor_although_there_is_a_node(
    gpu_nodes: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As under a driver that is older than torch's CUDA."""

    def too_old() -> None:
        raise RuntimeError("The NVIDIA driver on your system is too old\n(found version 11040).")

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "init", too_old)
    assert resolve("auto", gpu_nodes) == "cpu"
    (said,) = caplog.messages
    assert said.startswith(f"a driver has left GPU nodes in {gpu_nodes}, but torch finds no GPU")
    assert "(The NVIDIA driver on your system is too old (found version 11040).)" in said
    monkeypatch.setattr(torch.version, "cuda", None)
    with pytest.raises(EmcError, match=r"found none \(torch .* is built without CUDA\)"):
        resolve("cuda", gpu_nodes)


def test_auto_says_nothing_where_there_is_no_node(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert resolve("auto", tmp_path) == "cpu"
    assert not caplog.messages


def test_a_card_has_its_models_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "NVIDIA H200")
    assert (card_of("cuda"), card_of("cpu")) == ("NVIDIA H200", None)


def test_cpu_is_the_cpu(gpu_nodes: Path) -> None:
    assert resolve("cpu", gpu_nodes) == "cpu"


def test_cuda_without_a_gpu_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(EmcError, match="'cuda': expected a GPU that torch can use, found none"):
        resolve("cuda")


def test_unknown_devices_are_refused() -> None:
    with pytest.raises(EmcError, match="device: expected one of auto, cpu, cuda, found 'tpu'"):
        resolve("tpu")


def test_no_torch_is_loaded_where_there_is_no_gpu(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from emc.engine.device import resolve; "
        f"assert resolve('auto', Path({str(tmp_path)!r})) == 'cpu'; "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})
