"""The optimizers, one file each: what an optimizer is called decides which file says how it steps.

Each file has one subclass of `emc.engine.optimizer.Optimizer`, called `OPTIMIZER`, whose fields are
the constants of the study's model of the same name (`emc.study.optimizers`), which has their
defaults. A file is loaded when its optimizer is asked for, so that those of the native kernels need
no torch.
"""

from importlib import import_module

from emc.engine.optimizer import Optimizer
from emc.errors import EmcError
from emc.study.optimizers import OPTIMIZERS


def known(name: str) -> type[Optimizer]:
    """The optimizer of that name.

    Raises:
        EmcError: there is none.
    """
    if name not in OPTIMIZERS:
        raise EmcError(f"optimizer: expected one of {', '.join(OPTIMIZERS)}, found {name!r}")
    found: type[Optimizer] = import_module(f"{__name__}.{name}").OPTIMIZER
    return found
