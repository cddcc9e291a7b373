"""What is said of a number of `emc.measure` beside its doubts."""

from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter
from torch import nn

import emc
from emc.api.measurement import Measurement
from emc.engine.optimizers import known
from emc.study.optimizers import OPTIMIZERS, Optimizer

DRAW = np.random.default_rng(3)
INPUTS = DRAW.standard_normal((60, 4)).astype(np.float32)
LABELS = DRAW.integers(0, 2, 60)
TWICE = np.concatenate([INPUTS, INPUTS])
DECAY = (
    "the weight decay of 'adamw' is no part of the loss: its minima are those of the loss without"
    " it"
)


def measured(
    inputs: np.ndarray, classes: np.ndarray, width: int = 40, **changes: Any
) -> Measurement:
    def net() -> nn.Module:
        return nn.Sequential(nn.Linear(4, width), nn.Tanh(), nn.Linear(width, 2))

    settings: dict[str, Any] = {"optimizer": "adam", "steps": 200, "tolerance": 0.9, "probes": 6}
    return emc.measure(net, (inputs, classes), **(settings | changes))


def test_equal_inputs_with_other_labels_are_told_before_and_with_the_number() -> None:
    labels = np.concatenate([LABELS, 1 - LABELS])
    told = r"^data: 120 of 120 samples have the same input as another with another label: no net"
    with pytest.warns(UserWarning, match=told) as warned:
        found = measured(TWICE, labels)
    assert warned[0].filename == __file__.replace(".pyc", ".py")
    (remark,) = found.remarks
    assert "pairs of equal inputs with different labels, which no net fits" in remark
    assert str(found).splitlines()[-1] == f"  {remark}"


def test_equal_inputs_with_equal_labels_are_no_matter_unless_labels_are_drawn() -> None:
    labels = np.concatenate([LABELS, LABELS])
    assert measured(TWICE, labels).remarks == ()
    with pytest.warns(UserWarning, match="no net fits both where their random labels differ"):
        measured(TWICE, labels, labels="random", probes=2)


@pytest.mark.parametrize(
    ("changes", "remarks"),
    [
        ({"optimizer": "adamw"}, (DECAY,)),
        ({"optimizer": "adamw", "finish": {"iterations": 0}, "aim": "budget"}, ()),
        ({"optimizer": {"name": "adamw", "weight_decay": 0}}, ()),
        ({"optimizer": {"name": "adam", "weight_decay": 0.01}}, ()),
    ],
)
def test_decay_that_is_no_part_of_the_loss_is_told_of_numbers_at_minima(
    changes: dict[str, Any], remarks: tuple[str, ...]
) -> None:
    found = measured(INPUTS, LABELS, width=2, probes=16, **changes)
    assert (found.emc50 is None) == ("finish" in changes)
    assert found.remarks == remarks


def test_studies_and_the_engine_agree_on_whose_decay_is_decoupled() -> None:
    keys = TypeAdapter(Optimizer)
    for name in OPTIMIZERS:
        decoupled = getattr(known(name), "decoupled", False)
        assert keys.validate_python({"name": name}).decoupled == decoupled, name
