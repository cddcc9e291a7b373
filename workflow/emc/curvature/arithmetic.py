"""Arithmetic that derivatives can trust, whatever the caller has switched on."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from emc.nets.arithmetic import exact_float32
from emc.nets.fragile import weight_norm_written_out


@contextmanager
def differentiable_arithmetic(*, parametrized: bool) -> Iterator[None]:
    """Operations with right second derivatives, and no rounding to less than the precision.

    `parametrized` says that weights may be normalised, which then is written out.
    """
    with (
        exact_float32(),
        warnings.catch_warnings(),
        weight_norm_written_out() if parametrized else nullcontext(),
    ):
        # Torch scripts its own forward rules at first use, and warns of that.
        warnings.filterwarnings("ignore", "`torch.jit.script` is deprecated", FutureWarning)
        yield
