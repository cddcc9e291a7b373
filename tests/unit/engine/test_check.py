"""What the engine refuses, and the words it does so in."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from emc.engine.back_end import BackEnd
from emc.engine.check import check
from emc.engine.native import NativeBackEnd
from emc.engine.procedure import Procedure, Replica, Update
from emc.engine.sequential import Sequential
from emc.engine.stacked.compiled import Compiled
from emc.engine.stacked.vmap import Vmap
from emc.errors import EmcError
from emc.nets import Dense

ASKED = Procedure(
    classes=3, update=Update("sgd", momentum=0.0), layers=(Dense(2, 3, True, "identity"),), epochs=3
)


def replica(**changes: Any) -> Replica:
    rows = np.arange(4)
    inputs = np.zeros((5, 2), dtype=np.float32)
    return replace(Replica(inputs, rows, np.array([0, 1, 2, 0]), seed=0, lr=0.1), **changes)


def test_a_sound_call_passes() -> None:
    check(Sequential("cpu"), ASKED, [replica(), replica()])
    check(Sequential("cpu"), ASKED, [])


@pytest.mark.parametrize("back_end", [NativeBackEnd(), Vmap("cpu"), Compiled("cpu")])
def test_a_back_end_runs_nothing_that_it_refuses(back_end: BackEnd) -> None:
    asked = replace(ASKED, update=Update("lbfgs"))
    with pytest.raises(EmcError, match=f"^the {back_end.name} back end cannot run this procedure"):
        back_end.run(asked, [replica()])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"loss": "hinge"}, "loss: expected one of cross-entropy, squared-error, found 'hinge'"),
        ({"order": "sorted"}, "order: expected one of stream, balanced, ragged, found 'sorted'"),
        ({"schedule": "step"}, "schedule: expected one of constant, cosine, found 'step'"),
        ({"layers": None}, "either a layered net or a module"),
        ({"module": lambda: None}, "either a layered net or a module"),
        ({"steps": 3}, "found epochs=3 and steps=3"),
        ({"epochs": None}, "found epochs=None and steps=None"),
        ({"epochs": 0}, "budget: expected at least 1 epoch or step, found 0"),
        (
            {"loss": "squared-error", "label_smoothing": 0.1},
            "label smoothing 0.1: expected loss 'cross-entropy', found 'squared-error'",
        ),
    ],
)
def test_procedures_that_no_back_end_runs(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(EmcError, match=message):
        check(Sequential("cpu"), replace(ASKED, **changes), [replica()])


NOTHING = np.zeros(0, dtype=np.int64)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rows": NOTHING, "labels": NOTHING}, "replica 1: expected at least 1 sample, found none"),
        ({"labels": np.zeros(3, dtype=np.int64)}, "replica 1: expected 4 labels, found 3"),
        ({"labels": np.array([0, 1, 2, 3])}, "expected labels from 0 to 2, found 0 to 3"),
        ({"labels": np.array([0, -1, 2, 2])}, "expected labels from 0 to 2, found -1 to 2"),
        ({"rows": np.array([0, 1, 2, 5])}, "expected rows from 0 to 4, found 0 to 5"),
        ({"rows": np.array([0, 1, -1, 2])}, "expected rows from 0 to 4, found -1 to 2"),
    ],
)
def test_samples_that_cannot_be_trained_on(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(EmcError, match=message):
        check(Sequential("cpu"), ASKED, [replica(), replica(**changes)])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_inputs_that_are_not_finite_are_named(value: float) -> None:
    inputs = np.zeros((5, 2), dtype=np.float32)
    inputs[3, 1] = value
    with pytest.raises(
        EmcError, match="replica 0: expected finite inputs, found NaN or infinity in row 3"
    ):
        check(Sequential("cpu"), ASKED, [replica(inputs=inputs, rows=np.array([0, 4, 3, 1]))])
    check(Sequential("cpu"), ASKED, [replica(inputs=inputs, rows=np.array([0, 1, 2, 4]))])
