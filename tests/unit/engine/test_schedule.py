"""Learning rates against their formulas."""

from math import cos, pi
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from emc.engine.procedure import Procedure, Update
from emc.engine.schedule import learning_rates, rate_factors, steps_of_budget
from emc.errors import EmcError


def procedure(**changes: Any) -> Procedure:
    return Procedure(classes=2, update=Update("sgd", momentum=0.0), **changes)


def test_a_constant_rate_stays() -> None:
    assert learning_rates(procedure(batch=4, epochs=3), 8, 0.3).tolist() == [0.3] * 6


def test_more_steps_than_can_be_kept_are_refused() -> None:
    told = (
        r"^budget: expected at most 100,000,000 steps, found 200,000,000: 100,000,000 epochs of 8"
        r" samples in batches of 4$"
    )
    with pytest.raises(EmcError, match=told):
        learning_rates(procedure(batch=4, epochs=10**8), 8, 0.3)


def test_a_cosine_is_that_of_torch() -> None:
    asked = procedure(batch=4, epochs=5, schedule="cosine")
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=0.3)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=10)
    expected: list[Any] = []
    for _ in range(10):
        expected.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    np.testing.assert_allclose(learning_rates(asked, 8, 0.3), expected, rtol=1e-12)


def test_a_warm_up_rises_in_equal_steps() -> None:
    asked = procedure(batch=4, epochs=5, warmup=0.4)
    expected = [0.25, 0.5, 0.75, 1, 1, 1, 1, 1, 1, 1]
    np.testing.assert_allclose(learning_rates(asked, 8, 1.0), expected)


@given(
    total=st.integers(1, 200),
    warmup=st.floats(0, 1),
    schedule=st.sampled_from(["constant", "cosine"]),
    data=st.data(),
)
def test_factors_follow_the_formula(
    total: int, warmup: float, schedule: str, data: st.DataObject
) -> None:
    t = data.draw(st.integers(0, total - 1))
    w = round(warmup * total)
    rise = min(1.0, (t + 1) / w) if w else 1.0
    expected = rise * (0.5 * (1 + cos(pi * t / total)) if schedule == "cosine" else 1.0)
    asked = procedure(warmup=warmup, schedule=schedule)
    assert rate_factors(asked, total, np.array([t]))[0] == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize(
    ("changes", "n", "steps"),
    [
        ({"epochs": 7, "batch": None}, 9, 7),
        ({"epochs": 7, "batch": 4}, 9, 16),
        ({"epochs": 7, "batch": 4, "order": "ragged"}, 9, 21),
        ({"epochs": 7, "batch": 4, "order": "balanced"}, 9, 21),
        ({"epochs": 7, "batch": 400}, 9, 7),
        ({"epochs": None, "steps": 5, "batch": 4}, 9, 5),
        ({"epochs": 1, "batch": 1}, 1, 1),
    ],
)
def test_steps_of_budgets(changes: dict[str, Any], n: int, steps: int) -> None:
    assert steps_of_budget(procedure(**changes), n) == steps
