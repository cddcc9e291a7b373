"""How far a replica has come, and whether its training is over: the same in every back end."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite, log, log2, nan

import numpy as np

from emc.criteria import WINDOW, correct_needed, is_plateau, plateau
from emc.engine.checkpoint import Snapshot
from emc.engine.procedure import Procedure, Run
from emc.engine.schedule import steps_of_budget
from emc.records import THRESHOLDS, Milestone, Outcome

_NEVER = Milestone(None, None)
_COUNTED = ("epochs", "steps", "gradient_evaluations", "correct", "seconds")


@dataclass(frozen=True, slots=True)
class EndPoint:
    """What is measured once training is over: loss without smoothing, gradient norm, weights."""

    loss: float
    gradient_norm: float
    parameters: dict[str, np.ndarray]


@dataclass(slots=True)
class Progress:
    """One replica's training so far; `outcome` is None while it goes on."""

    procedure: Procedure
    n: int
    epochs: int = 0
    steps: int = 0
    gradient_evaluations: int = 0
    correct: int = 0
    seconds: float = 0.0
    outcome: Outcome | None = None
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
    def budget_spent(self) -> bool:
        """Whether no step is left."""
        return self.steps == steps_of_budget(self.procedure, self.n)

    @property
    def wants_gradient(self) -> bool:
        """Whether only the gradient norm can tell if this is the end: see `judge`."""
        due = self.epochs % WINDOW == 0 or self.budget_spent
        tolerance = self.procedure.plateau_tolerance
        return self.outcome is None and due and is_plateau(np.array(self.losses), tolerance)

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

        `finite` says whether all weights are; `correct` counts samples in evaluation mode,
        `gradients` the per-sample gradients of the epoch's steps.
        """
        self.epochs += 1
        self.steps += len(sizes)
        self.gradient_evaluations += gradients
        self.correct = correct
        self.losses.append(float(np.average(losses.astype(np.float64), weights=sizes)))
        if not (finite and isfinite(self.losses[-1])):
            self.outcome = Outcome.DIVERGED
            return
        self._pass_milestones()
        if correct >= correct_needed(self.procedure.criterion, self.n):
            self.outcome = Outcome.FIT

    def judge(self, gradient_norm: float) -> None:
        """End as stuck if the gradient vanishes too; call it where `wants_gradient`."""
        if gradient_norm <= self.procedure.gradient_tolerance:
            self.outcome = Outcome.STUCK

    def close(self) -> None:
        """End as censored if nothing else has ended the training and no step is left."""
        if self.outcome is None and self.budget_spent:
            self.outcome = Outcome.CENSORED

    def run(self, end: EndPoint, back_end: str) -> Run:
        """The finished training as the engine answers it."""
        assert self.outcome is not None
        first, second, third, fourth = self.milestones
        return Run(
            outcome=self.outcome,
            epochs=self.epochs,
            steps=self.steps,
            gradient_evaluations=self.gradient_evaluations,
            milestones=(first, second, third, fourth),
            accuracy=self.correct / self.n,
            loss=end.loss,
            gradient_norm=end.gradient_norm,
            plateau=plateau(np.array(self.losses)),
            memorised_bits=memorised_bits(self.procedure, self.n, end.loss),
            epoch_losses=np.array(self.losses),
            parameters=end.parameters,
            back_end=back_end,
            seconds=self.seconds,
        )

    def _pass_milestones(self) -> None:
        for place, threshold in enumerate(THRESHOLDS):
            reached = self.correct >= correct_needed(threshold, self.n)
            if reached and self.milestones[place] == _NEVER:
                self.milestones[place] = Milestone(self.epochs, self.steps)


def memorised_bits(procedure: Procedure, n: int, loss: float) -> float:
    """Bits of the labels that the net stores: n log2(classes) minus their cross-entropy in bits.

    `loss` is the mean cross-entropy of the n labels in nats. Not below zero; zero where the loss
    is not a number; not a number itself where the procedure minimises another loss.
    """
    if procedure.loss != "cross-entropy":
        return nan
    bits = n * (log2(procedure.classes) - loss / log(2))
    return bits if bits > 0 else 0.0
