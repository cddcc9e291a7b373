"""One job, one GPU: simulated devices, real processes, real locks."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from textwrap import dedent

import pytest

from emc.errors import MachineError
from emc.jobs import cards
from emc.jobs.cards import (
    JOBS_PER_DEVICE,
    MODEL,
    jobs_per_device,
    lock_folder,
    one_card,
    visible_devices,
    visible_model,
)

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `one_card` writes into the environment is taken back."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.delenv(JOBS_PER_DEVICE, raising=False)


@pytest.fixture
def locks(tmp_path: Path) -> Path:
    return tmp_path / "locks"


def nodes(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).touch()
    return folder


class TestVisibleDevices:
    """Which devices a process may use."""

    @pytest.mark.parametrize(
        ("named", "devices"),
        [
            ("0", ["0"]),
            ("2, 0,1", ["2", "0", "1"]),
            ("GPU-8932f937,MIG-a/1/0", ["GPU-8932f937", "MIG-a/1/0"]),
            ("", []),
            (" ", []),
            ("-1", []),
            ("0,-1,1", ["0"]),
            ("0,,1", ["0"]),
            ("NoDevFiles", []),
            ("none", []),
            ("0,none,1", ["0"]),
            ("0,0", []),
            ("1,3,0", ["1"]),
        ],
    )
    def test_as_cuda_reads_the_variable(
        self, named: str, devices: list[str], tmp_path: Path
    ) -> None:
        environment = {"CUDA_VISIBLE_DEVICES": named}
        there = nodes(tmp_path, "nvidia0", "nvidia1", "nvidia2")
        found = visible_devices(environment, there, tmp_path)
        assert list(found.items()) == [(device, device) for device in devices]

    @pytest.mark.parametrize(("named", "card"), [("1", "3"), ("GPU-ef56", "3"), ("GPU-ab", "2")])
    def test_a_card_has_one_lock_by_whatever_name(
        self, named: str, card: str, tmp_path: Path
    ) -> None:
        """As in a container that has the cards 2 and 3 of its machine only."""
        for minor, uuid in [("2", "GPU-ab12-3f"), ("3", "GPU-ef56-70")]:
            (tmp_path / f"0000:0{minor}:00.0").mkdir()
            (tmp_path / f"0000:0{minor}:00.0" / "information").write_text(
                "Model: \t\t NVIDIA H200\nIRQ:   \t\t 18\n"
                f"GPU UUID: \t {uuid}\nBus Location: \t 0000:0{minor}:00.0\n"
                f"Device Minor: \t {minor}\nGPU Excluded:\t No\n"
            )
        there = nodes(tmp_path, "nvidia2", "nvidia3")
        assert visible_devices({"CUDA_VISIBLE_DEVICES": named}, there, tmp_path) == {card: named}

    def test_a_name_of_several_cards_or_of_none_has_a_lock_of_its_own(self, tmp_path: Path) -> None:
        environment = {"CUDA_VISIBLE_DEVICES": "GPU-77"}
        assert visible_devices(environment, tmp_path, tmp_path) == {"GPU-77": "GPU-77"}

    def test_what_windows_lends_is_one_device(self, tmp_path: Path) -> None:
        there = nodes(tmp_path, "dxg")
        assert visible_devices({}, there) == {"0": "0"}
        assert visible_devices({"CUDA_VISIBLE_DEVICES": ""}, there) == {}

    def test_every_node_where_nothing_is_named(self, tmp_path: Path) -> None:
        names = ["nvidia10", "nvidia2", "nvidia0", "nvidiactl", "nvidia-uvm", "nvidia-caps", "null"]
        found = visible_devices({}, nodes(tmp_path, *names))
        assert list(found.items()) == [("0", "0"), ("2", "1"), ("10", "2")]

    def test_none_where_there_is_none(self, tmp_path: Path) -> None:
        assert visible_devices({}, tmp_path) == {}


class TestJobsPerDevice:
    """How many jobs share a device."""

    @pytest.mark.parametrize(("text", "jobs"), [("1", 1), ("16", 16), ("007", 7)])
    def test_whole_numbers(self, text: str, jobs: int) -> None:
        assert jobs_per_device({JOBS_PER_DEVICE: text}) == jobs

    def test_one_by_default(self) -> None:
        assert jobs_per_device({}) == 1

    @pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "two", " 2", "²", "1e1"])
    def test_anything_else_is_refused(self, text: str) -> None:
        message = f"{JOBS_PER_DEVICE}: expected a whole number from 1, found {text!r}"
        with pytest.raises(MachineError, match=f"^{message}$"):
            jobs_per_device({JOBS_PER_DEVICE: text})


class TestLockFolder:
    """Where jobs that could meet on a device look for each other's locks."""

    def test_jobs_of_one_machine_meet(self) -> None:
        assert lock_folder({}) == lock_folder({"HOME": "/elsewhere"})

    def test_allocations_number_their_devices_each_for_itself(self) -> None:
        folders = {lock_folder({"SLURM_JOB_ID": job}) for job in ("41", "42")} | {lock_folder({})}
        assert len(folders) == 3


def test_a_wrong_share_is_told_even_without_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(JOBS_PER_DEVICE, "0")
    with pytest.raises(MachineError, match="expected a whole number from 1, found '0'"), one_card():
        pytest.fail("nothing may run")


def test_no_device_and_no_lock(locks: Path) -> None:
    with one_card(locks) as device:
        assert device is None
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""
    assert not locks.exists()


def test_the_device_is_the_only_one_visible(locks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    with one_card(locks) as device:
        assert device == os.environ["CUDA_VISIBLE_DEVICES"] == "3"


def test_cards_that_are_there_are_numbered_from_0_and_locked_by_their_own_numbers(
    locks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container that has the cards 2 and 3 of its machine only."""
    there = visible_devices({}, nodes(tmp_path, "nvidia2", "nvidia3"))
    monkeypatch.setattr(cards, "visible_devices", lambda _: there)
    with one_card(locks) as first, one_card(locks) as second:
        assert (first, second, os.environ["CUDA_VISIBLE_DEVICES"]) == ("0", "1", "1")
    assert {path.name for path in locks.iterdir()} == {"2.0.lock", "3.0.lock"}


def test_a_fault_of_the_job_frees_the_device(locks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")

    def job() -> None:
        with one_card(locks):
            raise RuntimeError("out of memory")

    for _ in range(2):
        with pytest.raises(RuntimeError, match="out of memory"):
            job()


@pytest.mark.parametrize(
    ("shares", "taken"), [("1", ["0", "GPU-1/2"]), ("2", ["0", "GPU-1/2", "0", "GPU-1/2"])]
)
def test_devices_fill_evenly(
    shares: str, taken: list[str], locks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device gets its second job once every device has one; when all are full, a job waits."""
    monkeypatch.setenv(JOBS_PER_DEVICE, shares)
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        held.pop_all().close()

    monkeypatch.setattr("emc.jobs.cards.time.sleep", sleep)
    with ExitStack() as held:
        found = []
        for _ in taken:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,GPU-1/2")
            found.append(held.enter_context(one_card(locks, poll_seconds=0.5)))
        assert (found, waited) == (taken, [])
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,GPU-1/2")
        with one_card(locks, poll_seconds=0.5) as device:
            assert (device, waited) == ("0", [0.5])


def start(program: str, locks: Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", dedent(program), locks],
        env={**os.environ, "PYTHONPATH": str(ROOT / "workflow"), **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


HOLD = """
    import logging, sys
    from pathlib import Path
    from emc.jobs.cards import one_card
    logging.basicConfig()
    with one_card(Path(sys.argv[1]), poll_seconds=0.01) as device:
        print(device, flush=True)
        sys.stdin.readline()
"""


@pytest.fixture
def holder(locks: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the only device."""
    with start(HOLD, locks, CUDA_VISIBLE_DEVICES="0") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "0\n"
        yield process
        process.kill()


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_waiting_job_starts_when_the_other_is_killed(
    sign: signal.Signals, holder: subprocess.Popen[str], locks: Path
) -> None:
    with start(HOLD, locks, CUDA_VISIBLE_DEVICES="0") as waiting:
        assert waiting.stdout is not None
        assert waiting.stderr is not None
        assert "all of GPU ['0'] are taken: waiting" in waiting.stderr.readline()
        assert waiting.poll() is None
        holder.send_signal(sign)
        assert waiting.stdout.readline() == "0\n"
        waiting.communicate("\n")


def test_another_device_is_free(holder: subprocess.Popen[str], locks: Path) -> None:
    out, _ = start(HOLD, locks, CUDA_VISIBLE_DEVICES="0,1").communicate("\n")
    assert out == "1\n"


CROWD = """
    import os, sys, time
    from pathlib import Path
    from emc.jobs.cards import one_card
    locks, crowd = Path(sys.argv[1]), 0
    for turn in range(5):
        os.environ["CUDA_VISIBLE_DEVICES"] = "0,1,2"
        with one_card(locks, poll_seconds=0.001) as device:
            mark = locks / f"on-{device}-{os.getpid()}"
            mark.touch()
            time.sleep(0.002)
            crowd = max(crowd, len(list(locks.glob(f"on-{device}-*"))))
            mark.unlink()
    print(crowd)
"""


@pytest.mark.parametrize("shares", [1, 2])
def test_jobs_never_crowd_a_device(shares: int, locks: Path) -> None:
    locks.mkdir()
    crowd = [start(CROWD, locks, **{JOBS_PER_DEVICE: str(shares)}) for _ in range(8)]
    counts = [int(one.communicate()[0]) for one in crowd]
    assert max(counts) <= shares
    assert min(counts) >= 1


class TestVisibleModel:
    """What the driver says of the device that a process would get."""

    @pytest.fixture
    def driver(self, tmp_path: Path) -> Path:
        folder = tmp_path / "gpus"
        cards = (("a", 0, "NVIDIA H200"), ("b", 1, "NVIDIA A100-SXM4-40GB"))
        for name, minor, model in cards:
            file = folder / name / "information"
            file.parent.mkdir(parents=True)
            file.write_text(
                f"Model: \t\t {model}\nGPU UUID: \t GPU-{name}111\nDevice Minor: \t {minor}\n"
            )
        return folder

    @pytest.mark.parametrize(
        ("named", "model"),
        [
            (None, "NVIDIA H200"),
            ("1", "NVIDIA A100-SXM4-40GB"),
            ("1,0", "NVIDIA A100-SXM4-40GB"),
            ("GPU-b1", "NVIDIA A100-SXM4-40GB"),
            ("MIG-x/1/0", "MIG NVIDIA H200"),
            ("", None),
            ("7", None),
        ],
    )
    def test_it_is_that_of_the_first_visible_device(
        self, tmp_path: Path, driver: Path, named: str | None, model: str | None
    ) -> None:
        there = nodes(tmp_path, "nvidia0", "nvidia1")
        environment = {} if named is None else {"CUDA_VISIBLE_DEVICES": named}
        assert visible_model(environment, there, driver) == model

    def test_a_device_of_which_the_driver_does_not_tell_has_no_name(self, tmp_path: Path) -> None:
        """As in a container that does not show the driver's files."""
        assert visible_model({}, nodes(tmp_path, "nvidia0"), tmp_path / "none") == ""

    def test_a_model_that_the_user_names_is_believed(self, tmp_path: Path) -> None:
        environment = {MODEL: "NVIDIA H200"}
        assert visible_model(environment, tmp_path, tmp_path) == "NVIDIA H200"
