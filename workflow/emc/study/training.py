"""How a net is trained, beside its optimizer: batches, schedule, budget, loss, stopping, finish."""

from math import ceil
from typing import Annotated, Final, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from emc.study.strict import BelowOne, Count, Fraction, Positive, Strict, Whole, named


class Batch(Strict):
    """Which samples a mini-batch step sees.

    `stream` always takes min(size, n) rows and runs on over the epoch's end through fresh
    permutations; `balanced` cuts each epoch into nearly equal parts; `ragged` is the usual loop,
    whose last batch is what remains.
    """

    size: Count = 128
    """Samples per step; all of them where n is smaller."""
    order: Literal["stream", "balanced", "ragged"] = "stream"
    """How the samples of an epoch are cut into batches."""


class Schedule(Strict):
    """The learning rate over the run: constant, or a half cosine to zero over the budget."""

    name: Literal["constant", "cosine"] = "constant"
    """What becomes of the rate after the warm-up."""
    warmup: Fraction = 0.0
    """Fraction of the budget over which the rate first rises linearly from zero."""


MOST_STEPS: Final = 10**8
"""Of a budget: the rate of each step is kept."""

DEFAULT_STEPS: Final = 30_000
"""What ten times as many change of the number at minima: `benchmarks/budget.py`."""


class Budget(Strict):
    """How long a probe may train: epochs or optimizer steps."""

    epochs: Annotated[Count, Field(le=MOST_STEPS)] | None = None
    """Most passes over the n samples; give this or `steps`."""
    steps: Annotated[Count, Field(le=MOST_STEPS)] | None = None
    """Most optimizer steps; give this or `epochs`."""

    @model_validator(mode="after")
    def _one_unit(self) -> Self:
        if (self.epochs is None) == (self.steps is None):
            given = "neither" if self.epochs is None else "both"
            raise ValueError(f"expected either 'epochs' or 'steps', found {given}")
        return self


def short_of_an_epoch(steps: int | None, smallest: int, batch: int | None) -> str | None:
    """Why so many steps are no epoch of the smallest n, or None; without `batch` a step is one."""
    needed = 1 if batch is None else ceil(smallest / batch)
    if steps is None or steps >= needed:
        return None
    return (
        f"expected at least {needed}, one epoch of the smallest n, {smallest}, in batches of"
        f" {batch}, found {steps}"
    )


class Stopping(Strict):
    """When training that does not fit is over before its budget: it stands still."""

    gradient: Positive = 1e-3
    """Largest norm of the full-batch mean gradient."""
    plateau: Positive = 1e-3
    """Largest relative variation of the epoch losses over the last ten epochs."""


class Finish(Strict):
    """How a probe that did not fit within its budget is brought to a minimum."""

    iterations: Annotated[Whole, Field(ge=0)] = 50_000
    """Most quasi-Newton steps over kinks as they are, and over each width to which they are rounded
    off, there in float32 and again in float64; 0: no probe is finished, and only the number within
    the budget is known."""
    effort: Positive = 30.0
    """Most work of the descent, in gradients of single samples over those of the training before,
    or of the default budget in batches of 32 where it took fewer; a probe that this does not decide
    is open."""
    gradient: Positive = 1e-3
    """Largest norm of the gradient, or on kinks of the shortest combination of one-sided
    gradients, at a minimum."""
    escapes: Annotated[Whole, Field(ge=0)] = 5
    """How many saddles are left along their negative curvature, at most."""
    rounding: BelowOne = 0.01
    """Width over which kinks (ReLU at zero, ties of a max-pooling window) are rounded off before
    they are seen as they are, relative to the mean |pre-activation| of their layer; 0: not at
    all. Larger widths walk over deeper kinks."""


class Loss(Strict):
    """What is minimised."""

    name: Literal["cross-entropy", "squared-error"] = "cross-entropy"
    """Cross-entropy of the softmax, or squared distance of the logits from the one-hot label."""
    label_smoothing: BelowOne = 0.0
    """Share of the label that is spread evenly over all classes."""

    @model_validator(mode="after")
    def _smoothing_suits(self) -> Self:
        if self.label_smoothing and self.name != "cross-entropy":
            raise ValueError(f"'label_smoothing': expected 'cross-entropy', found {self.name!r}")
        return self


Initialisation = Literal["scaled-normal", "torch"]

ScheduleChoice = Annotated[Schedule, BeforeValidator(named)]
LossChoice = Annotated[Loss, BeforeValidator(named)]
