"""Row-wise losses against torch's mean losses, and what counts as right."""

import pytest
import torch
from tests.unit.engine.cases import procedure
from torch import nn
from torch.nn import functional

from emc.engine.objective import hits, row_losses

LOGITS = torch.tensor([[0.3, -2.0, 1.0], [5.0, 0.0, -1.0], [0.0, 0.0, 0.1], [-9.0, 8.0, 7.0]])
LABELS = torch.tensor([2, 1, 0, 1])


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_cross_entropies_average_to_that_of_torch(smoothing: float) -> None:
    rows = row_losses(procedure(), LOGITS, LABELS, smoothing=smoothing)
    expected = nn.CrossEntropyLoss(label_smoothing=smoothing)(LOGITS, LABELS)
    torch.testing.assert_close(rows.mean(), expected)


def test_squared_errors_average_to_that_of_torch() -> None:
    rows = row_losses(procedure(loss="squared-error"), LOGITS, LABELS, smoothing=0.0)
    expected = nn.MSELoss()(LOGITS, functional.one_hot(LABELS, 3).float())
    torch.testing.assert_close(rows.mean(), expected)


@pytest.mark.parametrize(
    ("logits", "label", "right"),
    [
        ([0.0, 1.0, 2.0], 2, True),
        ([0.0, 1.0, 2.0], 1, False),
        ([1.0, 1.0, 0.0], 0, True),
        ([1.0, 1.0, 0.0], 1, False),
        ([float("nan"), 1.0, 0.0], 0, False),
        ([0.0, 1.0, float("nan")], 1, False),
        ([float("inf"), 1.0, 0.0], 0, False),
    ],
)
def test_the_first_of_the_largest_finite_logits_is_the_answer(
    logits: list[float], label: int, right: bool
) -> None:
    assert hits(torch.tensor([logits]), torch.tensor([label])).tolist() == [right]
