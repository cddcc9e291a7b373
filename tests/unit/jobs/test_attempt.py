"""What counts as a cell's failure, and what is left to pass."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.plugin_files import raising

from emc.errors import EmcError, FileError, MachineError, Stopped
from emc.jobs.attempt import MEMORY_TRIES, attempt
from emc.jobs.stop import Stop
from emc.records import Failure
from emc.store.failures import clear_document, read_failure
from emc.store.layout import CellFiles


@pytest.fixture
def files(tmp_path: Path) -> CellFiles:
    return CellFiles(tmp_path / "cells" / "a-cell")


def fail(files: CellFiles, error: BaseException, stop: Stop | None = None) -> None:
    with attempt("measure", files.failure("measure"), [files.probes, files.estimate], stop):
        raise error


def test_a_plugin_that_exits_is_a_failure_with_its_line(files: CellFiles, tmp_path: Path) -> None:
    call = raising(tmp_path / "own.py", "SystemExit(0)")
    with attempt("measure", files.failure("measure"), [files.probes]):
        call()
    reason = read_failure(files.failure("measure")).reason
    assert reason == f"{tmp_path / 'own.py'}, line 6: SystemExit: 0"


class OutOfMemoryError(RuntimeError):
    """Named as torch's own."""


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (EmcError("architecture: the net takes no such inputs"), "architecture: the net takes no"),
        (ValueError("a bug"), "ValueError: a bug"),
        (ZeroDivisionError(), "ZeroDivisionError"),
        (SystemExit(0), "SystemExit: 0"),
        (SystemExit(), "SystemExit"),
    ],
)
def test_a_fault_of_the_cell_leaves_its_reason_and_empty_outputs(
    files: CellFiles, error: BaseException, reason: str
) -> None:
    fail(files, error)
    found = read_failure(files.failure("measure"))
    assert found.reason.startswith(reason)
    assert found == Failure("a-cell", "measure", found.reason, ("probes.parquet", "estimate.json"))
    assert files.probes.read_bytes() == files.estimate.read_bytes() == b""
    assert not files.measured


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (FileError("a: cannot be written: full"), FileError, "^a: cannot be written: full$"),
        (Stopped("12 probes are saved"), Stopped, "^12 probes are saved$"),
        (OSError(errno.ESTALE, "Stale file handle"), FileError, "^measure: .*Stale file handle$"),
        (KeyboardInterrupt("^C"), KeyboardInterrupt, r"\^C"),
    ],
)
def test_what_can_pass_is_raised_and_leaves_nothing(
    files: CellFiles, error: BaseException, kind: type[BaseException], said: str
) -> None:
    with pytest.raises(kind, match=said):
        fail(files, error)
    assert not files.folder.exists()


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("64 GB wanted"),
        OutOfMemoryError("64 GB wanted"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: 64 GB wanted"),
        RuntimeError("CUDA error: out of memory\nof 64 GB wanted"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED: 64 GB wanted"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED: 64 GB wanted"),
    ],
)
def test_memory_that_runs_out_every_time_is_a_failure(
    files: CellFiles, error: BaseException
) -> None:
    for number in range(1, MEMORY_TRIES):
        with pytest.raises(MemoryError, match=rf"64 GB wanted \(try {number} of {MEMORY_TRIES}\)$"):
            fail(files, error)
        assert not files.failure("measure").exists()
        assert not files.estimate.exists()
    fail(files, error)
    reason = read_failure(files.failure("measure")).reason
    assert reason.startswith(f"memory ran out {MEMORY_TRIES} times, at last with ")
    assert reason.endswith("64 GB wanted")


@pytest.mark.parametrize(
    "said",
    [
        "CUDA error: uncorrectable ECC error encountered\nCompile with `TORCH_USE_CUDA_DSA`",
        "CUDA error: CUDA-capable device(s) is/are busy or unavailable",
        "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR",
        "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`",
    ],
)
@pytest.mark.parametrize("caused", [False, True])
def test_a_gpu_that_fails_is_no_failure_of_the_cell(
    files: CellFiles, said: str, *, caused: bool
) -> None:
    error: Exception = RuntimeError(said)
    if caused:
        error, cause = EmcError("own.py, line 4: the net cannot train"), error
        error.__cause__ = cause
    with pytest.raises(MachineError, match=r"^measure: the GPU or its driver failed: "):
        fail(files, error)
    assert not files.folder.exists()


@pytest.mark.parametrize("said", ["an illegal memory access was", "device-side assert triggered"])
def test_what_a_net_may_do_to_a_gpu_is_a_failure_of_the_cell(files: CellFiles, said: str) -> None:
    fail(files, RuntimeError(f"CUDA error: {said}"))
    assert said in read_failure(files.failure("measure")).reason


def test_a_success_and_a_cleared_failure_count_memory_anew(files: CellFiles) -> None:
    error = MemoryError("64 GB wanted")
    for _ in range(2):
        with pytest.raises(MemoryError, match="try 1 of"):
            fail(files, error)
        with attempt("measure", files.failure("measure"), []):
            pass
    for _ in range(MEMORY_TRIES - 1):
        with pytest.raises(MemoryError, match="64 GB wanted"):
            fail(files, error)
    fail(files, error)
    clear_document(files.failure("measure"))
    assert not list(files.folder.iterdir())


@pytest.mark.parametrize("note", [b"\xff", b"", b"-5"])
def test_stages_count_memory_apart_and_a_damaged_note_counts_as_none(
    files: CellFiles, note: bytes
) -> None:
    for stage in ("measure", "generalise"):
        with (
            pytest.raises(MemoryError, match="try 1 of"),
            attempt(stage, files.failure(stage), []),
        ):
            raise MemoryError("64 GB wanted")
    files.failure("measure").with_suffix(".tries").write_bytes(note)
    with pytest.raises(MemoryError, match="try 1 of"):
        fail(files, MemoryError("64 GB wanted"))


def test_a_run_on_a_cluster_makes_as_many_tries() -> None:
    profile = Path(__file__).parents[3] / "profiles/slurm/profile.yaml"
    assert yaml.safe_load(profile.read_text())["retries"] + 1 == MEMORY_TRIES


def test_what_breaks_because_of_a_stop_is_no_failure(files: CellFiles) -> None:
    """A signal to a whole process group ends a compiler that the job waits for, too."""
    stop = Stop()
    stop._asked.set()
    with pytest.raises(Stopped, match="measure was cut short: the compiler was killed"):
        fail(files, RuntimeError("the compiler was killed"), stop)
    assert not files.folder.exists()


def test_an_earlier_failure_that_cannot_be_removed_is_told(
    files: CellFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*_: object, **__: Any) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "unlink", read_only)
    wanted = r"failure-measure\.json: cannot be removed: Read-only file system$"
    with (
        pytest.raises(FileError, match=wanted),
        attempt("measure", files.failure("measure"), []),
    ):
        pytest.fail("nothing may run")


def test_a_success_forgets_an_earlier_failure(files: CellFiles) -> None:
    fail(files, ValueError("odd"))
    with attempt("measure", files.failure("measure"), []):
        assert not files.failure("measure").exists()
    assert not files.failure("measure").exists()
