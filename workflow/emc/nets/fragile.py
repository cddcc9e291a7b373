"""What is used of torch and torchvision that they call private or may reword: all of it is here.

A test of each tells when it is no longer as described.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.overrides import TorchFunctionMode

_CACHE: Final = "TORCHINDUCTOR_CACHE_DIR"


@contextmanager
def compiled_once(cache: Path) -> Iterator[None]:
    """Let torch.compile raise where it would compile a function anew, or go on without it.

    Its programs lie in the folder `cache` unless $TORCHINDUCTOR_CACHE_DIR names another, and it
    compiles in as many threads as torch computes in.
    """
    import torch._dynamo
    import torch._inductor.config

    with (
        patch.dict(os.environ, {_CACHE: os.environ.get(_CACHE, str(cache))}),
        torch._dynamo.config.patch(error_on_recompile=True),
        torch._inductor.config.patch(compile_threads=torch.get_num_threads()),
    ):
        yield


def traced(function: Callable[..., Tensor], *arguments: Tensor) -> Callable[..., Tensor]:
    """The operations of a function of tensors of these shapes, gradients and vmap included."""
    from torch.fx.experimental.proxy_tensor import make_fx

    program: Callable[..., Tensor] = make_fx(function)(*arguments)
    return program


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


class _WeightNorm(TorchFunctionMode):
    """Calls of `torch._weight_norm` by its formula."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        called = _weight_norm if func is torch._weight_norm else func
        return called(*args, **(kwargs or {}))


def weight_norm_written_out() -> TorchFunctionMode:
    """Weight normalisation, of both of torch's kinds, by its formula.

    Torch 2.14 has no forward derivative of its kernel, and a second derivative by two passes
    backwards that is not symmetric.
    """
    return _WeightNorm()


def _weight_norm(v: Tensor, g: Tensor, dim: int = 0) -> Tensor:
    """g v / |v|, with a norm for each index of the dimension; -1 for one norm of all numbers."""
    others = [axis for axis in range(v.ndim) if dim == -1 or axis != dim]
    return v * (g / v.square().sum(others, keepdim=True).sqrt())


def module_hooks(layer: nn.Module) -> bool:
    """Whether calling a module, or the way back through it, runs more than its forward."""
    hooks = (
        layer._forward_hooks,
        layer._forward_pre_hooks,
        layer._backward_hooks,
        layer._backward_pre_hooks,
    )
    return any(hooks)


def is_compiled(layer: nn.Module) -> bool:
    """Whether a module's own `compile` was called: a call runs another program in its place."""
    return layer._compiled_call_impl is not None


def global_hooks() -> bool:
    """Whether hooks are registered that run at every module's call."""
    from torch.nn.modules.module import _has_any_global_hook

    return bool(_has_any_global_hook())  # type: ignore[no-untyped-call]


def gradient_hooks(tensor: Tensor) -> bool:
    """Whether something runs when a tensor's gradient is taken."""
    return bool(tensor._backward_hooks) or bool(tensor._post_accumulate_grad_hooks)


def step_hooks(optimizer: Optimizer) -> bool:
    """Whether hooks run before or after an optimizer's steps."""
    before, after = optimizer._optimizer_step_pre_hooks, optimizer._optimizer_step_post_hooks
    return bool(before) or bool(after)


def held_parameters(layer: nn.Module) -> dict[str, nn.Parameter | None]:
    """A module's own parameters, where its forward finds them; no check is made of new entries."""
    return layer._parameters


def held_buffers(layer: nn.Module) -> dict[str, Tensor | None]:
    """A module's own buffers, where its forward finds them; no check is made of new entries."""
    return layer._buffers


def times_changed(tensor: Tensor) -> int:
    """How often a tensor was changed in place."""
    return tensor._version
