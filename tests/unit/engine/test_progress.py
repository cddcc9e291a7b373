"""When a training is over, on made-up epochs."""

from dataclasses import replace
from math import inf, isnan, log, nan

import numpy as np
import pytest

from emc.engine.procedure import Procedure, Update
from emc.engine.progress import Measured, Progress, memorised_bits
from emc.records import Ended, Milestone

ASKED = Procedure(classes=4, update=Update("sgd", momentum=0.0), batch=5, epochs=30)


def epoch(
    progress: Progress, loss: float = 1.0, *, correct: int = 0, finite: bool = True
) -> Progress:
    """An epoch of ten samples in two batches."""
    progress.add_epoch(np.array([loss, loss]), [5, 5], finite=finite, correct=correct, gradients=10)
    return progress


def test_the_loss_of_an_epoch_weighs_batches_by_their_size() -> None:
    progress = Progress(ASKED, 10)
    progress.add_epoch(np.array([1.0, 4.0]), [8, 2], finite=True, correct=3, gradients=10)
    assert progress.losses == [1.6]
    assert (progress.epochs, progress.steps, progress.gradient_evaluations) == (1, 2, 10)


def test_milestones_hold_the_first_epoch_and_step() -> None:
    progress = Progress(ASKED, 1000)
    for correct in (899, 900, 899, 990, 994, 995, 999):
        epoch(progress, correct=correct)
    assert progress.milestones == [
        Milestone(2, 4),
        Milestone(4, 8),
        Milestone(6, 12),
        Milestone(None, None),
    ]
    assert progress.ended is None


@pytest.mark.parametrize(
    ("criterion", "correct", "fits"),
    [(1.0, 999, False), (1.0, 1000, True), (0.995, 994, False), (0.995, 995, True)],
)
def test_fits_at_the_criterion(criterion: float, correct: int, fits: bool) -> None:
    progress = epoch(Progress(replace(ASKED, criterion=criterion), 1000), correct=correct)
    assert (progress.ended is Ended.FIT) == fits


def test_needs_what_the_next_milestone_or_the_fit_takes() -> None:
    progress = Progress(ASKED, 1000)
    needed = [progress.correct_needed]
    for correct in (899, 901, 400, 992, 996):
        needed.append(epoch(progress, correct=correct).correct_needed)
    assert needed == [900, 900, 990, 990, 995, 1000]
    early = Progress(replace(ASKED, criterion=0.95), 1000)
    assert epoch(early, correct=901).correct_needed == 950


@pytest.mark.parametrize("loss", [nan, inf])
def test_a_loss_that_is_not_finite_diverges(loss: float) -> None:
    assert epoch(Progress(ASKED, 10), loss).ended is Ended.DIVERGED


def test_weights_that_are_not_finite_diverge_even_where_all_is_right() -> None:
    progress = epoch(Progress(ASKED, 10), correct=10, finite=False)
    assert progress.ended is Ended.DIVERGED
    assert progress.milestones[0] == Milestone(None, None)


def test_asks_for_the_gradient_every_ten_epochs_of_a_plateau() -> None:
    progress = Progress(ASKED, 10)
    asked = [epoch(progress).wants_gradient for _ in range(25)]
    assert [number + 1 for number, want in enumerate(asked) if want] == [10, 20]


def test_asks_for_no_gradient_while_the_loss_falls() -> None:
    progress = Progress(ASKED, 10)
    assert not any(epoch(progress, 1 / (1 + k)).wants_gradient for k in range(30))
    progress.close()
    assert progress.ended is Ended.BUDGET


@pytest.mark.parametrize(
    ("norm", "expected"),
    [(1e-3, Ended.STATIONARY), (1.1e-3, None), (nan, None)],
)
def test_a_vanishing_gradient_on_a_plateau_is_stuck(norm: float, expected: Ended | None) -> None:
    progress = Progress(ASKED, 10)
    for _ in range(10):
        epoch(progress)
    progress.judge(norm)
    progress.close()
    assert progress.ended is expected


def test_the_end_of_the_budget_asks_between_the_tens() -> None:
    progress = Progress(replace(ASKED, epochs=13), 10)
    for _ in range(13):
        epoch(progress)
    assert progress.wants_gradient
    progress.judge(1.0)
    progress.close()
    assert progress.ended is Ended.BUDGET


def test_the_answer_holds_what_was_recorded() -> None:
    progress = Progress(replace(ASKED, epochs=1), 10)
    epoch(progress, 2.5).close()
    run = progress.run(Measured(7, 0.5, 0.25, {}), "some back end")
    assert (run.ended, run.epochs, run.steps) == (Ended.BUDGET, 1, 2)
    assert (run.accuracy, run.loss, run.gradient_norm) == (0.7, 0.5, 0.25)
    assert (run.plateau, run.epoch_losses.tolist()) == (inf, [2.5])
    assert run.memorised_bits == pytest.approx(10 * (2 - 0.5 / log(2)))
    assert run.back_end == "some back end"


@pytest.mark.parametrize(
    ("loss", "bits"),
    [(0.0, 20.0), (log(4), 0.0), (5.0, 0.0), (inf, 0.0), (nan, 0.0), (log(2), 10.0)],
)
def test_memorised_bits_of_ten_labels_of_four_classes(loss: float, bits: float) -> None:
    assert memorised_bits(ASKED, 10, loss) == pytest.approx(bits, abs=1e-12)


def test_squared_errors_have_no_bits() -> None:
    assert isnan(memorised_bits(replace(ASKED, loss="squared-error"), 10, 0.1))
