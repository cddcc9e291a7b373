"""What a study asks of a search: how sizes are chosen, and when it ends."""

from typing import Annotated, Final, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from emc.study.strict import Count, Positive, Real, Strict, Whole

MOST_WIDENINGS: Final = 100
"""Times that a learning rate may be added at most."""


class Expected(Strict):
    """What a finished neighbouring cell lets expect of emc50."""

    emc50: Annotated[Real, Field(ge=1)]
    """The expected emc50."""
    factor: Annotated[Real, Field(ge=1.1)] = 3.0
    """It is held to lie within this factor of it, either way, with probability 0.95; trials
    overrule an expectation that is mistaken."""


class Search(Strict):
    """How sizes are chosen and when the search ends."""

    method: Literal["bayes", "walk", "bisection", "ladder"] = "bayes"
    """`bayes`: each round where it tells most about emc50; `walk`: grow n while it fits;
    `bisection`: double, then halve the gap; `ladder`: one run at each n of a logarithmic grid."""
    aim: Literal["minima", "budget"] = "minima"
    """The number that is made narrow: what is fitted at minima, or within the budget. Both come
    from the same probes."""
    tolerance: Annotated[Positive, Field(lt=1)] = 0.05
    """Half width of the 95 % interval at which a cell is done, relative."""
    probes: Count = 200
    """Largest number of probes a cell may spend."""
    smallest: Count = 1
    """The smallest n that is tried."""
    widen: Annotated[Whole, Field(ge=0, le=MOST_WIDENINGS)] = 0
    """Times that a learning rate may be added beyond an edge of the grid that wins, in steps of
    the grid's own ratio there; by 3 where one rate is given."""
    expected: Expected | None = None
    """What a finished neighbouring cell lets expect of emc50; by default nothing, so that cells
    are independent."""

    @model_validator(mode="after")
    def _widening_suits(self) -> Self:
        if self.widen and self.method != "bayes":
            raise ValueError(f"'widen': expected the method 'bayes', found {self.method!r}")
        return self

    @model_validator(mode="after")
    def _expecting_suits(self) -> Self:
        if self.expected is not None and self.method != "bayes":
            raise ValueError(f"'expected': expected the method 'bayes', found {self.method!r}")
        if self.expected is not None and self.expected.emc50 < self.smallest:
            raise ValueError(
                f"'expected.emc50' is at least 'smallest', {self.smallest},"
                f" found {self.expected.emc50:g}"
            )
        return self


def method(value: object) -> object:
    """Let a bare name stand for a search by that method."""
    return {"method": value} if isinstance(value, str) else value


SearchChoice = Annotated[Search, BeforeValidator(method)]
