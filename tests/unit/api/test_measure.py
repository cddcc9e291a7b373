"""`emc.measure` on anyone's net and data."""

import numpy as np
import pytest
import torch
from torch import nn

import emc

DRAW = np.random.default_rng(3)
INPUTS = DRAW.standard_normal((120, 6)).astype(np.float32)
LABELS = DRAW.integers(0, 3, 120)


def net() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3))


def measured(**changes: object) -> object:
    settings: dict[str, object] = {
        "labels": "random",
        "optimizer": {"name": "adam", "lr": 0.03},
        "epochs": 40,
        "tolerance": 0.4,
        "probes": 16,
    }
    return emc.measure(net, (INPUTS, LABELS), **(settings | changes))  # type: ignore[arg-type]


def test_the_answer_is_a_number_with_its_interval_and_probes() -> None:
    found = measured()
    low, high = found.interval
    assert 1 <= low <= found.emc50 <= high
    assert found.estimate.parameters == 6 * 5 + 5 + 5 * 3 + 3
    assert len(found.probes) == found.estimate.probes <= 16
    assert "EMC" in str(found)


def test_the_plot_shows_every_probe_at_the_best_rate() -> None:
    found = measured()
    chart = found.plot().to_dict()
    (rows,) = chart["datasets"].values()
    assert sum(row["kind"] == "probe" for row in rows) == len(found.probes)


def test_the_same_call_gives_the_same_probes() -> None:
    one, other = measured().probes, measured().probes
    assert one.drop("seconds").equals(other.drop("seconds"))


def test_tensors_and_data_sets_are_sources_too() -> None:
    tensors = torch.from_numpy(INPUTS), torch.from_numpy(LABELS)
    data_set = torch.utils.data.TensorDataset(*tensors)
    options = {"labels": "original", "epochs": 5, "probes": 4}
    by_tensors = emc.measure(net, tensors, **options)  # type: ignore[arg-type]
    by_data_set = emc.measure(net, data_set, **options)  # type: ignore[arg-type]
    assert by_tensors.probes.drop("seconds").equals(by_data_set.probes.drop("seconds"))


def test_a_batch_normed_net_is_trained_by_the_reference() -> None:
    normed = lambda: nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Linear(4, 3))  # noqa: E731
    settings = {"optimizer": {"name": "sgd", "lr": 0.1}, "epochs": 3, "probes": 3, "smallest": 8}
    found = emc.measure(normed, (INPUTS, LABELS), **settings)  # type: ignore[arg-type]
    assert set(found.probes["back_end"]) == {"sequential"}


def test_a_net_that_fits_all_there_is_gives_a_lower_bound() -> None:
    inputs = np.eye(6, dtype=np.float32)
    found = emc.measure(
        net, (inputs, np.arange(6) % 3), optimizer={"name": "adam", "lr": 0.1}, probes=60
    )
    assert found.estimate.saturated
    assert found.interval == (6, None)
    assert str(found).startswith("EMC 6 samples with")
    assert "a lower bound" in str(found)
    (rows,) = found.plot().to_dict()["datasets"].values()
    (answer,) = (row for row in rows if row["kind"] == "answer")
    assert (answer["emc50"], answer["high"], answer.get("width")) == (6, None, None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": "shuffled"}, "labels: 'original' or 'random' is wanted, found 'shuffled'"),
        ({"optimizer": {"name": "adam", "lrr": 1}}, "unknown key 'lrr'; did you mean 'lr'"),
        ({"back_end": "native"}, "back end 'native' cannot run this procedure"),
        ({"device": "tpu"}, "device 'tpu' is not one of"),
        ({"epochs": "a"}, "epochs: a whole number from 1 is wanted, found 'a'"),
        ({"probes": 0}, "probes: a whole number from 1 is wanted, found 0"),
    ],
)
def test_wrong_options_are_told(changes: dict[str, object], message: str) -> None:
    with pytest.raises(emc.EmcError, match=message):
        measured(**changes)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ((INPUTS, LABELS[:5]), r"inputs \[N, ...\] and labels \[N\] are wanted"),
        ((INPUTS, LABELS.astype(float)), "integer labels are wanted, found float64"),
        ((INPUTS, LABELS + 1), "labels 0 to classes - 1 are wanted"),
        ((np.full_like(INPUTS, np.nan), LABELS), "input 0 is not finite"),
        ("digits", r"\(inputs, labels\) or a torch data set is wanted, found 'digits'"),
        (7, r"\(inputs, labels\) or a torch data set is wanted"),
    ],
)
def test_wrong_sources_are_told(source: object, message: str) -> None:
    with pytest.raises(emc.EmcError, match=message):
        emc.measure(net, source)


def test_a_net_instead_of_a_factory_is_told() -> None:
    with pytest.raises(emc.EmcError, match="a function that makes a fresh net is wanted"):
        emc.measure(net(), (INPUTS, LABELS))


def test_logits_of_another_number_of_classes_are_told() -> None:
    with pytest.raises(emc.EmcError, match="classes"):
        emc.measure(lambda: nn.Linear(6, 2), (INPUTS, LABELS))
