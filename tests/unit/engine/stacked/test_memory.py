"""Which errors mean that the memory did not suffice."""

import pytest
import torch

from emc.engine.stacked.memory import is_out_of_memory


def test_the_processor_out_of_memory_is_recognised() -> None:
    with pytest.raises(RuntimeError, match="DefaultCPUAllocator") as caught:
        torch.empty(1 << 60, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)


def test_the_gpu_out_of_memory_is_recognised() -> None:
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))


def test_another_error_is_not() -> None:
    with pytest.raises(RuntimeError, match="mat1 and mat2") as caught:
        torch.ones(2, 3) @ torch.ones(2, 3)
    assert not is_out_of_memory(caught.value)
