"""What cells are said to take on no machine in particular."""

from typing import Any

import pytest

from emc.measurement.counted import on_processor
from emc.measurement.expectation import expectation
from emc.measurement.kinds import kind, work
from emc.measurement.nominal import nominal_costs
from emc.nets.layers import layers_of
from emc.nets.transformer import Transformer
from emc.records import Pace
from emc.study import Cell, PlannedCell
from emc.study.architectures import Mlp


def cell(**keys: Any) -> Cell:
    content = {
        "dataset": "digits",
        "labels": "random",
        "architecture": {"name": "mlp", "depth": 1, "width": 8},
        **keys,
    }
    return Cell.model_validate(content)


def planned(**keys: Any) -> PlannedCell:
    return PlannedCell("one", cell(**keys), "{}", ("s",))


def check_costs(one: Cell, pace: Pace) -> None:
    """A cell's nominal costs are those that are expected at the pace."""
    wanted = expectation(one, {kind(one, "cpu"): [pace]}, "cpu")
    found = nominal_costs([PlannedCell("one", one, "{}", ("s",))])["one"]
    assert wanted is not None
    assert found.seconds == pytest.approx(wanted.seconds)
    assert found.megabytes == wanted.megabytes


def test_a_net_of_layers_takes_its_counted_operations() -> None:
    one = cell()
    assert isinstance(one.architecture, Mlp)
    training = on_processor(layers_of(one.architecture, "relu", one.shape, one.classes))
    pace = Pace(
        parameters=one.parameters,
        work=work(one),
        training=training,
        gradients=1,
        finishing=1.5 * training,
        passing=3e-5,
        starting=0.6,
        megabytes=90 + 2 * 20 * 8 * one.parameters / 2**20,
    )
    check_costs(one, pace)


VIT = {"name": "vit", "depth": 2, "width": 16, "patch": 2, "heads": 2}


def test_a_vision_transformer_takes_its_counted_operations_and_loads_torch() -> None:
    one = cell(architecture=VIT)
    sizes = Transformer(1, 8, 2, 2, 16, 2, activation="relu", classes=10)
    training = on_processor(sizes)
    pace = Pace(
        parameters=one.parameters,
        work=work(one),
        training=training,
        gradients=1,
        finishing=3 * training,
        passing=3e-5,
        starting=3.1,
        megabytes=600 + 2 * 20 * 8 * one.parameters / 2**20,
    )
    check_costs(one, pace)


MIXER = {"name": "mlp-mixer", "depth": 1, "patch": 2, "width": 16}
RESNET = {"name": "resnet", "depth": 18, "width": 8}


@pytest.mark.parametrize(
    ("net", "step"),
    [
        (MIXER, 7e-6),
        (RESNET, 8.6e-5),
        ({"name": "cnn", "depth": 2, "width": 4, "normalisation": "group"}, 1.9e-6),
    ],
    ids=lambda net: net["name"] if isinstance(net, dict) else "",
)
def test_nets_that_kernels_train_as_graphs_take_about_what_was_timed(
    net: dict[str, Any], step: float
) -> None:
    """On one processor; torch's pace was two to ten times as long, that of layers a third."""
    one = cell(architecture=net)
    pace = Pace(
        parameters=one.parameters,
        work=work(one),
        training=step,
        gradients=1,
        finishing=1.5 * step,
        passing=3e-4,
        starting=3.1,
        megabytes=600,
    )
    timed = expectation(one, {kind(one, "cpu"): [pace]}, "cpu")
    assert timed is not None
    ratio = nominal_costs([planned(architecture=net)])["one"].seconds / timed.seconds
    assert 0.6 < ratio < 1.6


@pytest.mark.parametrize("net", [RESNET, {"name": "cnn", "depth": 2, "width": 4}])
def test_norms_over_a_batch_are_torchs(net: dict[str, Any]) -> None:
    batch, group = (
        nominal_costs([planned(architecture={**net, "normalisation": norm})])["one"]
        for norm in ("batch", "group")
    )
    assert batch.seconds > group.seconds
    assert batch.megabytes > 500


@pytest.mark.parametrize(
    "keys",
    [{"optimizer": "shampoo"}, {"parameterisation": {"name": "low-rank", "rank": 2}}],
)
def test_a_vision_transformer_that_torch_trains_takes_longer(keys: dict[str, Any]) -> None:
    known = nominal_costs([planned(architecture=VIT)])["one"]
    assert nominal_costs([planned(architecture=VIT, **keys)])["one"].seconds > 1.5 * known.seconds


@pytest.mark.parametrize(
    "keys",
    [
        {"optimizer": {"name": "sam", "lr": 0.1}},
        {"architecture": {"name": "mlp-mixer", "depth": 1, "patch": 4, "width": 4}},
        {"parameterisation": {"name": "low-rank", "rank": 2}},
    ],
)
def test_nets_that_torch_trains_take_more_of_both(keys: dict[str, Any]) -> None:
    known, other = nominal_costs([planned()])["one"], nominal_costs([planned(**keys)])["one"]
    assert other.megabytes > 500 > known.megabytes
    assert other.seconds > 3.1


def test_of_data_that_are_not_known_nothing_is_said() -> None:
    unknown = cell(dataset={"name": "csv", "file": "t.csv", "label": "y"})
    assert nominal_costs([PlannedCell("one", unknown, "{}", ("s",))]) == {}
