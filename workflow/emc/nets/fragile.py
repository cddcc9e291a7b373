"""What is used of torch and torchvision that they call private or may reword: all of it is here.

A test of each tells when it is no longer as described.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor


@contextmanager
def compiled_once() -> Iterator[None]:
    """Let torch.compile raise where it would compile a function anew, or go on without it."""
    import torch._dynamo

    with torch._dynamo.config.patch(error_on_recompile=True):
        yield


def traced(function: Callable[..., Tensor], *arguments: Tensor) -> Callable[..., Tensor]:
    """The operations of a function of tensors of these shapes, gradients and vmap included."""
    from torch.fx.experimental.proxy_tensor import make_fx

    program: Callable[..., Tensor] = make_fx(function)(*arguments)
    return program


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether the device, or torch's allocator on the CPU, had no memory left."""
    return isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error)


def efficientnet_stage(*numbers: float) -> Any:
    """A stage of torchvision's EfficientNet whose channels are taken as they are.

    Torchvision rounds them to multiples of 8. `numbers` are expansion, kernel, stride, channels
    before and after, and blocks.
    """
    from torchvision.models.efficientnet import MBConvConfig

    class Stage(MBConvConfig):  # type: ignore[misc]  # torchvision has no types
        @staticmethod
        def adjust_channels(channels: int, width_mult: float, *_: Any) -> int:
            return round(channels * width_mult)

    return Stage(*numbers)
