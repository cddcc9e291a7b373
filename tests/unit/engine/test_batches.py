"""Batches of an epoch: what the words of the protocol promise."""

from functools import partial
from itertools import accumulate, chain, islice
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emc.engine.batches import batch_sizes, epoch_batches
from emc.engine.order import epochs
from emc.engine.procedure import Procedure, Update
from emc.engine.schedule import steps_of_budget


def procedure(**changes: Any) -> Procedure:
    return Procedure(classes=2, update=Update("sgd", momentum=0.0), **changes)


def drawn(asked: Procedure, n: int) -> list[list[np.ndarray]]:
    return list(epoch_batches(asked, n, partial(epochs, 3, n)))


sizes_and_batches = {"n": st.integers(1, 60), "batch": st.integers(1, 70)}


@given(**sizes_and_batches)
def test_a_stream_runs_on_over_the_ends_of_its_epochs(n: int, batch: int) -> None:
    found = drawn(procedure(batch=batch, epochs=5), n)
    rows = min(batch, n)
    steps = list(chain.from_iterable(found))
    assert {len(step) for step in steps} == {rows}
    running = np.concatenate(list(islice(epochs(3, n), 7)))
    np.testing.assert_array_equal(np.concatenate(steps), running[: len(steps) * rows])
    for epoch, taken in enumerate(accumulate(len(batches) for batches in found), start=1):
        assert taken * rows >= epoch * n > (taken - 1) * rows


@given(**sizes_and_batches)
def test_balanced_parts_are_nearly_equal_and_the_larger_come_first(n: int, batch: int) -> None:
    for own, order in zip(
        drawn(procedure(batch=batch, order="balanced", epochs=3), n), epochs(3, n), strict=False
    ):
        sizes = [len(part) for part in own]
        assert len(sizes) == -(-n // min(batch, n))
        assert max(sizes) - min(sizes) <= 1
        assert sizes == sorted(sizes, reverse=True)
        np.testing.assert_array_equal(np.concatenate(own), order)


@given(**sizes_and_batches)
def test_the_ragged_rest_comes_last(n: int, batch: int) -> None:
    for own, order in zip(
        drawn(procedure(batch=batch, order="ragged", epochs=3), n), epochs(3, n), strict=False
    ):
        assert [len(part) for part in own[:-1]] == [batch] * (len(own) - 1)
        assert 1 <= len(own[-1]) <= batch
        np.testing.assert_array_equal(np.concatenate(own), order)


def test_a_full_batch_is_all_samples_in_order() -> None:
    found = drawn(procedure(batch=None, epochs=3), 4)
    assert [[part.tolist() for part in own] for own in found] == [[[0, 1, 2, 3]]] * 3


@settings(max_examples=50)
@given(
    **sizes_and_batches,
    order=st.sampled_from(["stream", "balanced", "ragged"]),
    budget=st.integers(1, 40),
    unit=st.sampled_from(["epochs", "steps"]),
)
def test_the_budget_is_spent_to_the_step(
    n: int, batch: int, order: str, budget: int, unit: str
) -> None:
    limits = {"epochs": None, "steps": None} | {unit: budget}
    asked = procedure(batch=batch, order=order, **limits)
    found = drawn(asked, n)
    assert sum(map(len, found)) == steps_of_budget(asked, n)
    if unit == "epochs":
        assert len(found) == budget
    else:
        assert all(len(own) == len(batch_sizes(asked, n, e)) for e, own in enumerate(found[:-1]))


def test_a_budget_in_steps_ends_mid_epoch() -> None:
    found = drawn(procedure(batch=4, order="ragged", epochs=None, steps=4), 10)
    assert [[len(part) for part in own] for own in found] == [[4, 4, 2], [4]]


@pytest.mark.parametrize(
    ("order", "expected"),
    [("stream", [4, 4, 4]), ("balanced", [4, 3, 3]), ("ragged", [4, 4, 2])],
)
def test_ten_samples_in_batches_of_four(order: str, expected: list[int]) -> None:
    assert batch_sizes(procedure(batch=4, order=order), 10, 0) == expected
