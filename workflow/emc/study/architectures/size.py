"""The width that a wanted number of parameters asks for."""

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Final, TypeVar

from emc.errors import EmcError
from emc.study.architectures.family import Scaled, Shape

_IDLE: Final = 1000
"""A net this many times wider, and with no more parameters, does not grow with its width."""

Net = TypeVar("Net", bound=Scaled)


def sized(net: Net, shape: Shape, classes: int) -> Net:
    """Put the width whose parameter count comes nearest in the place of `params`.

    Of two widths equally near, the smaller is taken. Counts grow with the width.

    Raises:
        EmcError: no width has `params` parameters, since they do not grow with it.
    """
    return net if net.params is None else at_width(net, _nearest(net, net.params, shape, classes))


def at_width(net: Net, width: int) -> Net:
    """The net at that width."""
    return net.model_copy(update={"width": width, "params": None})


@lru_cache(maxsize=1024)
def _nearest(net: Scaled, wanted: float, shape: Shape, classes: int) -> int:
    """Bisect over the numbers of steps from the narrowest width."""

    @cache
    def count(steps: int) -> int:
        return at_width(net, net.narrowest + steps * net.step).parameters(shape, classes)

    low, high = _around(count, wanted)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(middle) < wanted else (low, middle)
    steps = min((low, high), key=lambda steps: (abs(count(steps) - wanted), steps))
    return net.narrowest + steps * net.step


def _around(count: Callable[[int], int], wanted: float) -> tuple[int, int]:
    """Numbers of steps of which the first has fewer parameters than wanted, the second has not.

    Raises:
        EmcError: the parameters stop growing before.
    """
    low = high = grown = 0
    while count(high) < wanted:
        low, high = high, 2 * high + 1
        grown = high if count(high) > count(low) else grown
        if high > _IDLE * min(max(grown, 1), wanted):
            raise EmcError(
                f"'params': no width has {wanted:g} parameters: there are {count(high):,} after"
                f" {high:,} steps of the width, and they do not grow with it"
            )
    return low, high
