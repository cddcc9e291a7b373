"""How far a replica has come, and whether its training is over: the same in every back end."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite, log, log2, nan

import numpy as np

from emc.criteria import WINDOW, correct_needed, is_plateau, plateau
from emc.engine.checkpoint import Snapshot
from emc.engine.procedure import Procedure, TrainedRun
from emc.engine.schedule import steps_of_budget
from emc.records import THRESHOLDS, Ended, Milestone

_TRACE_POINTS = 24
_NEVER = Milestone(None, None)
_COUNTED = ("epochs", "steps", "gradient_evaluations", "seconds")


@dataclass(frozen=True, slots=True)
class Measured:
    """What is measured once training is over.

    Samples that are classified rightly in evaluation mode, loss without smoothing, gradient norm,
    weights.
    """

    correct: int
    loss: float
    gradient_norm: float
    parameters: dict[str, np.ndarray]


@dataclass(slots=True)
class Progress:
    """One replica's training so far; `ended` is None while it goes on."""

    procedure: Procedure
    n: int
    epochs: int = 0
    steps: int = 0
    gradient_evaluations: int = 0
    seconds: float = 0.0
    ended: Ended | None = None
    losses: list[float] = field(default_factory=list)
    milestones: list[Milestone] = field(default_factory=lambda: [_NEVER] * len(THRESHOLDS))

    @classmethod
    def taken_up(cls, procedure: Procedure, n: int, kept: Snapshot) -> "Progress":
        """The training that `snapshot` was taken of."""
        return cls(
            procedure,
            n,
            losses=kept.arrays["losses"].tolist(),
            milestones=[Milestone(*pair) for pair in kept.facts["milestones"]],
            **{name: kept.facts[name] for name in _COUNTED},
        )

    def snapshot(self) -> Snapshot:
        """A training that goes on, at an epoch's end."""
        facts = {name: getattr(self, name) for name in _COUNTED}
        return Snapshot({**facts, "milestones": self.milestones}, {"losses": np.array(self.losses)})

    @property
    def correct_needed(self) -> int:
        """Correct samples at which something happens next: a milestone that is left, or the fit."""
        left = [
            threshold
            for threshold, passed in zip(THRESHOLDS, self.milestones, strict=True)
            if passed == _NEVER
        ]
        return correct_needed(min([*left, self.procedure.criterion]), self.n)

    @property
    def budget_spent(self) -> bool:
        """Whether no step is left."""
        return self.steps == steps_of_budget(self.procedure, self.n)

    @property
    def wants_gradient(self) -> bool:
        """Whether only the gradient norm can tell if this is the end: see `judge`."""
        due = self.epochs % WINDOW == 0 or self.budget_spent
        tolerance = self.procedure.plateau_tolerance
        return self.ended is None and due and is_plateau(np.array(self.losses), tolerance)

    def add_epoch(
        self,
        losses: np.ndarray,
        sizes: Sequence[int],
        *,
        finite: bool,
        correct: int,
        gradients: int,
    ) -> None:
        """Take an epoch's batch losses [steps] and sizes, and what the weights were after it.

        `finite` says whether all weights are; `correct` counts samples in evaluation mode, and may
        be any number below `correct_needed` where there are fewer than that; `gradients` counts
        the per-sample gradients of the epoch's steps.
        """
        self.epochs += 1
        self.steps += len(sizes)
        self.gradient_evaluations += gradients
        self.losses.append(float(np.average(losses.astype(np.float64), weights=sizes)))
        if not (finite and isfinite(self.losses[-1])):
            self.ended = Ended.DIVERGED
            return
        self._pass_milestones(correct)
        if correct >= correct_needed(self.procedure.criterion, self.n):
            self.ended = Ended.FIT

    def judge(self, gradient_norm: float) -> None:
        """End as stationary if the gradient vanishes too; call it where `wants_gradient`."""
        if gradient_norm <= self.procedure.gradient_tolerance:
            self.ended = Ended.STATIONARY

    def close(self) -> None:
        """End by the budget if nothing else has ended the training and no step is left."""
        if self.ended is None and self.budget_spent:
            self.ended = Ended.BUDGET

    def run(self, end: Measured, back_end: str) -> TrainedRun:
        """The finished training as the engine answers it."""
        assert self.ended is not None
        return trained_run(
            self.procedure,
            self.n,
            ended=self.ended,
            epochs=self.epochs,
            steps=self.steps,
            gradient_evaluations=self.gradient_evaluations,
            milestones=self.milestones,
            losses=np.array(self.losses),
            end=end,
            back_end=back_end,
            seconds=self.seconds,
        )

    def _pass_milestones(self, correct: int) -> None:
        for place, threshold in enumerate(THRESHOLDS):
            reached = correct >= correct_needed(threshold, self.n)
            if reached and self.milestones[place] == _NEVER:
                self.milestones[place] = Milestone(self.epochs, self.steps)


def trained_run(
    procedure: Procedure,
    n: int,
    *,
    ended: Ended,
    epochs: int,
    steps: int,
    gradient_evaluations: int,
    milestones: Sequence[Milestone],
    losses: np.ndarray,
    end: Measured,
    back_end: str,
    seconds: float,
) -> TrainedRun:
    """A training that is over, from what every back end counts and measures."""
    first, second, third, fourth = milestones
    looks = _trace(epochs)
    return TrainedRun(
        ended=ended,
        epochs=epochs,
        steps=steps,
        gradient_evaluations=gradient_evaluations,
        milestones=(first, second, third, fourth),
        accuracy=end.correct / n,
        loss=end.loss,
        gradient_norm=end.gradient_norm,
        plateau=plateau(losses),
        memorised_bits=memorised_bits(procedure, n, end.loss),
        back_end=back_end,
        seconds=seconds,
        trace_epochs=tuple(int(epoch) + 1 for epoch in looks),
        trace_losses=tuple(float(losses[epoch]) for epoch in looks),
        epoch_losses=losses,
        parameters=end.parameters,
    )


def _trace(epochs: int) -> np.ndarray:
    """Indices of at most `_TRACE_POINTS` epochs, evenly spread in the logarithm."""
    if not epochs:
        return np.zeros(0, dtype=np.int64)
    return np.unique(np.geomspace(1, epochs, _TRACE_POINTS).round().astype(np.int64)) - 1


def memorised_bits(procedure: Procedure, n: int, loss: float) -> float:
    """Bits of the labels that the net stores: n log2(classes) minus their cross-entropy in bits.

    `loss` is the mean cross-entropy of the n labels in nats. Not below zero; zero where the loss
    is not a number; not a number itself where the procedure minimises another loss.
    """
    if procedure.loss != "cross-entropy":
        return nan
    bits = n * (log2(procedure.classes) - loss / log(2))
    return bits if bits > 0 else 0.0
