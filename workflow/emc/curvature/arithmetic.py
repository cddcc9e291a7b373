"""Arithmetic that derivatives can trust, whatever the caller has switched on."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode


@contextmanager
def whole_arithmetic(device: str, *, weight_norm: bool) -> Iterator[None]:
    """Kernels that have right second derivatives, and no rounding to less than the precision.

    Attention by its formula, float32 products without TF32, no autocast; `weight_norm` says that
    weights are normalised, which takes a formula of its own.
    """
    with (
        warnings.catch_warnings(),
        sdpa_kernel(SDPBackend.MATH),
        torch.autocast(torch.device(device).type, enabled=False),
        torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False),
        _WeightNorm() if weight_norm else nullcontext(),
    ):
        # Torch scripts its own forward rules at first use, and warns of that.
        warnings.filterwarnings("ignore", "`torch.jit.script` is deprecated", FutureWarning)
        yield


class _WeightNorm(TorchFunctionMode):
    """Weight normalisation written out: torch 2.14 has no forward derivative of its kernel.

    And a second derivative of it by two passes backwards that is not symmetric.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func is torch._weight_norm:
            return _weight_norm(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def _weight_norm(v: Tensor, g: Tensor, dim: int = 0) -> Tensor:
    """g v / |v|, with a norm for each index of the dimension; -1 for one of all numbers."""
    others = [axis for axis in range(v.ndim) if dim == -1 or axis != dim]
    return v * (g / v.square().sum(others, keepdim=True).sqrt())
