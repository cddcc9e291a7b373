"""What other packages say in errors of which only the words tell: all of it is here.

A test of each raises the error and tells when it is worded anew.
"""

from typing import Final

_NO_MEMORY: Final = (
    "DefaultCPUAllocator",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)
"""Of torch, in plain RuntimeErrors: its own class is for its allocator on a device only."""


def says_no_memory(error: BaseException) -> bool:
    """Whether torch had no memory left, on the processor or on a device."""
    return type(error).__name__ == "OutOfMemoryError" or any(
        text in str(error) for text in _NO_MEMORY
    )


_BROKEN_DEVICE: Final = (
    "uncorrectable ECC error",
    "busy or unavailable",
    "hardware stack error",
    "has fallen off the bus",
    "GPU is lost",
    "no CUDA-capable device is detected",
    "system not yet initialized",
    "system has unsupported display driver / cuda driver combination",
    "driver version is insufficient",
    "driver initialization failed",
    "NVLink error",
    "the launch timed out and was terminated",
    "CUBLAS_STATUS_INTERNAL_ERROR",
    "CUBLAS_STATUS_NOT_INITIALIZED",
    "CUDNN_STATUS_INTERNAL_ERROR",
    "CUDNN_STATUS_NOT_INITIALIZED",
    "MPS client failed",
    "MPS server",
)
"""Of CUDA and its libraries (`cudaGetErrorString`). An illegal address, a misaligned one or an
assertion are not among them: a net or a kernel may do that wherever it runs."""


def says_broken_device(error: BaseException) -> bool:
    """Whether a GPU, its driver or its libraries failed, whatever they were asked to compute."""
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _BROKEN_DEVICE)


def says_no_indices(error: Exception) -> bool:
    """Whether torch was given floating-point numbers to look something up by."""
    return "Long" in str(error) and any(kind in str(error) for kind in ("Float", "Double"))


def says_mixed_precision(error: Exception) -> bool:
    """Whether torch was given float64 and float32 together."""
    return "Double" in str(error) and "Float" in str(error)


def says_other_channels(error: Exception) -> bool:
    """Whether torch was given images of another number of channels than a convolution has."""
    return "channels" in str(error)


def says_interrupted(error: Exception) -> bool:
    """Whether DuckDB was interrupted: it raises no KeyboardInterrupt."""
    return "interrupted" in str(error).lower()


def says_locked(error: Exception) -> bool:
    """Whether DuckDB found that another process has a database open for writing."""
    return "Could not set lock" in str(error)


def says_foreign_log(error: Exception) -> bool:
    """Whether DuckDB found a write-ahead log that does not go with the database beside it."""
    return "WAL" in str(error)
