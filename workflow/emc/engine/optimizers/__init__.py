"""The optimizers, one file each, which says how its optimizer steps and has its name.

Each file has one subclass of `emc.engine.optimizer.Optimizer`, called `OPTIMIZER`, whose fields are
the constants of the study's model of the same name (`emc.study.optimizers`), which has their
defaults. A file is loaded when its optimizer is asked for, so that those of the native kernels need
no torch.
"""

from typing import Final

from emc.engine.optimizer import Optimizer
from emc.errors import EmcError
from emc.study.optimizers import OPTIMIZERS
from emc.study.program_modules import named_module

_STEP: Final = ("rule", "reference", "step_numbers")
"""What an optimizer says of its step, besides what the kernels take for it."""


def known(name: str) -> type[Optimizer]:
    """The optimizer of that name.

    Raises:
        EmcError: there is none, or the kernels would train it by the rule of another.
    """
    if name not in OPTIMIZERS:
        raise EmcError(f"optimizer: expected one of {', '.join(OPTIMIZERS)}, found {name!r}")
    found: type[Optimizer] = named_module(__name__, "optimizer", name).OPTIMIZER
    _check_kernel_rule(found)
    return found


def _check_kernel_rule(found: type[Optimizer]) -> None:
    """See that a class with a rule of its own does not inherit what kernels take for another."""
    order = found.__mro__
    first = {name: next(c for c in order if name in vars(c)) for name in (*_STEP, "kernel_rule")}
    kernels = first["kernel_rule"]
    newer = [name for name in _STEP if order.index(first[name]) < order.index(kernels)]
    if newer and kernels is not Optimizer:
        raise EmcError(
            f"{found.__name__}.kernel_rule: expected one of its own, as for {', '.join(newer)},"
            f" found that of {kernels.__name__}; None says that the kernels do not know it"
        )
