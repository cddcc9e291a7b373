"""Functions of tensors, compiled once for each combination of shapes they are called with."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from emc.error_texts import says_broken_device, says_no_memory
from emc.errors import EmcError, Stopped, one_line
from emc.native.unavailable import UnavailableError
from emc.nets.fragile import traced

log = logging.getLogger(__name__)


@contextmanager
def giving_way(what: str) -> Iterator[None]:
    """Turn errors inside into a reason to take the next back end.

    Neither memory that runs out nor a GPU that fails is one. Triton's come as they are: of its C
    compiler and of its assertions, too.

    Raises:
        UnavailableError: torch, or what it calls, failed in another way.
    """
    try:
        yield
    except (EmcError, MemoryError, Stopped):
        raise
    except Exception as error:
        if says_no_memory(error) or says_broken_device(error):
            raise
        raise UnavailableError(f"{what}: {one_line(error)}") from error


ArgumentShapes = tuple[tuple[int, ...], ...]


class Programs:
    """One function's programs, by the shapes of its arguments.

    The function is traced first, gradient and vmap included, so that what is compiled is a plain
    list of operations of its own for each shape: it has one version, and nothing else counts
    towards the number of versions after which torch.compile gives up in silence.
    """

    def __init__(self, function: Callable[..., Tensor]) -> None:
        """Take a function of tensors, which may change them in place."""
        self._function = function
        self._programs: dict[ArgumentShapes, Callable[..., Tensor]] = {}
        self.seconds = 0.0
        """Spent on making programs."""

    def __call__(self, *arguments: Tensor) -> Tensor:
        """What the function gives, by the program for these shapes.

        Raises:
            UnavailableError: no program can be made.
        """
        shapes = tuple(tuple(argument.shape) for argument in arguments)
        if shapes not in self._programs:
            with giving_way("torch.compile makes no program here"):
                self._programs[shapes] = self._compile(arguments)
        return self._programs[shapes](*arguments)

    def _compile(self, arguments: tuple[Tensor, ...]) -> Callable[..., Tensor]:
        start = time.perf_counter()
        copies = [argument.clone() for argument in arguments]
        operations = traced(self._function, *copies)
        program: Callable[..., Tensor] = torch.compile(operations, fullgraph=True, dynamic=False)
        program(*copies)
        seconds = time.perf_counter() - start
        self.seconds += seconds
        shapes = " ".join("x".join(map(str, argument.shape)) for argument in arguments)
        log.info("compiled '%s' for %s in %.0f s", self._function.__name__, shapes, seconds)
        return program
