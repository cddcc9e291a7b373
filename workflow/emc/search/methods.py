"""The search methods that a study can name."""

from emc.errors import EmcError
from emc.search.bayes import Bayes
from emc.search.limits import ExpectedCapacity, Limits
from emc.search.rates import Grid
from emc.search.stepwise import LADDER_STEP, WALK_STEP, Bisection, Climb
from emc.search.trials import Aim, Method


def make(
    method: str,
    *,
    smallest: int,
    largest: int,
    rates: tuple[float, ...],
    tolerance: float,
    probes: int,
    round_size: int,
    expected: ExpectedCapacity | None = None,
    aim: Aim = "minima",
    widen: int = 0,
) -> Method:
    """A search over sizes from `smallest` to `largest` at the learning rates given.

    `probes` is the most that may be spent; `round_size` how many the adaptive search asks for at
    once; `expected` what a neighbouring cell lets expect of emc50; `aim` which of the two numbers
    it makes narrow; `widen` how many times the adaptive search may add a rate beyond the grid.

    Raises:
        EmcError: `largest` is below `smallest`, or the method is unknown.
    """
    if largest < smallest:
        raise EmcError(
            f"smallest: expected at most the {largest} samples there are, found {smallest}"
        )
    limits = Limits(smallest, largest, tolerance, probes, expected)
    match method:
        case "bayes":
            return Bayes(limits, Grid(rates, widen), round_size, aim)
        case "walk":
            return Climb(limits, rates, aim, step=WALK_STEP)
        case "ladder":
            return Climb(limits, rates, aim, step=LADDER_STEP)
        case "bisection":
            return Bisection(limits, rates, aim)
    raise EmcError(f"search method: expected bayes, walk, bisection or ladder, found {method!r}")
