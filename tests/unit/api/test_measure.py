"""`emc.measure` on anyone's net and data."""

import re
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import emc
from emc.api.measurement import Measurement

DRAW = np.random.default_rng(3)
INPUTS = DRAW.standard_normal((120, 6)).astype(np.float32)
LABELS = DRAW.integers(0, 3, 120)


def net() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3))


def measured(**changes: object) -> Measurement:
    settings: dict[str, object] = {
        "labels": "random",
        "optimizer": {"name": "adam", "lr": 0.03},
        "epochs": 40,
        "finish": {"iterations": 50},
        "tolerance": 0.4,
        "probes": 16,
    }
    return emc.measure(net, (INPUTS, LABELS), **(settings | changes))  # type: ignore[arg-type]


def test_the_answer_is_a_number_with_its_interval_and_probes() -> None:
    found = measured(probes=40)
    low, high = found.interval
    assert 1 <= low <= found.emc50 <= high
    assert found.estimate.parameters == 6 * 5 + 5 + 5 * 3 + 3
    assert len(found.probes) == found.estimate.probes <= 40
    outcomes = dict(found.probes["outcome"].value_counts().iter_rows())
    first, *doubts = str(found).splitlines()
    assert first.startswith(f"EMC at minima {found.emc50:.4g} [")
    assert f"within the budget {found.emc50_budget:.4g} [" in first
    assert all(f"{count} {outcome}" in first for outcome, count in outcomes.items())
    assert [doubt.strip() for doubt in doubts] == list(found.estimate.doubts)


def test_the_plot_shows_every_probe_at_the_best_rate() -> None:
    found = measured()
    chart = found.plot().to_dict()
    (rows,) = chart["datasets"].values()
    assert sum(row["kind"] == "probe" for row in rows) == len(found.probes)


def test_the_same_call_gives_the_same_probes() -> None:
    one, other = measured().probes, measured().probes
    assert one.drop("seconds", "finish_seconds").equals(other.drop("seconds", "finish_seconds"))


def test_tensors_and_data_sets_are_sources_too() -> None:
    tensors = torch.from_numpy(INPUTS), torch.from_numpy(LABELS)
    data_set = torch.utils.data.TensorDataset(*tensors)
    options = {"labels": "original", "epochs": 5, "probes": 4, "finish": {"iterations": 20}}
    by_tensors = emc.measure(net, tensors, **options)  # type: ignore[arg-type]
    by_data_set = emc.measure(net, data_set, **options)  # type: ignore[arg-type]
    assert by_tensors.probes.drop("seconds", "finish_seconds").equals(
        by_data_set.probes.drop("seconds", "finish_seconds")
    )


def test_the_answer_says_which_back_end_trained_and_why() -> None:
    few = {"epochs": 3, "probes": 3, "finish": {"iterations": 0}}
    by_kernels = measured(**few)
    assert by_kernels.estimate.native_refused is None
    assert set(by_kernels.probes["back_end"]) == {"native"}
    softplus = lambda: nn.Sequential(nn.Linear(6, 5), nn.Softplus(), nn.Linear(5, 3))  # noqa: E731
    by_torch = emc.measure(softplus, (INPUTS, LABELS), **few)  # type: ignore[arg-type]
    why = "the kernels do not know the net: layer '1' (Softplus) is a layer that the kernels do not"
    assert by_torch.estimate.native_refused == f"{why} know"
    assert f"; trained by vmap: {why} know)" in str(by_torch)
    with pytest.raises(emc.EmcError, match=f"'native' cannot run .*{re.escape(why)}"):
        emc.measure(softplus, (INPUTS, LABELS), back_end="native")


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
    assert str(found).startswith("EMC at minima 6 [6, no end], within the budget 6 [6, no end]")
    assert "lower bounds: the data ended first" in str(found)
    (rows,) = found.plot().to_dict()["datasets"].values()
    (answer,) = (row for row in rows if row["kind"] == "answer")
    assert (answer["emc50"], answer["high"], answer.get("width")) == (6, None, None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": "shuffled"}, "labels: 'original' or 'random' is wanted, found 'shuffled'"),
        ({"optimizer": {"name": "adam", "lrr": 1}}, "unknown key 'lrr'; did you mean 'lr'"),
        ({"back_end": "jax"}, "back end 'jax' is not one of native, compiled, vmap, sequential"),
        ({"device": "tpu"}, "device 'tpu' is not one of"),
        ({"epochs": "a"}, "epochs: a whole number from 1 is wanted, found 'a'"),
        ({"probes": 0}, "probes: a whole number from 1 is wanted, found 0"),
        ({"smallest": 121}, "smallest: 121 exceeds the 120 samples there are"),
        ({"labels": {"noisy": 0.2}}, r"labels: 'original' or .* found {'noisy': 0.2}"),
        ({"labels": ["random"]}, r"labels: 'original' or 'random' is wanted, found \['random'\]"),
        ({"optimizer": None}, "optimizer: a name or an entry .* found None; known names are sgd"),
        ({"optimizer": torch.optim.Adam}, "optimizer: .* is wanted, found the class Adam; known"),
        ({"optimizer": {"lr": 1}}, "optimizer: an entry with a 'name' is wanted"),
    ],
)
def test_wrong_options_are_told(changes: dict[str, object], message: str) -> None:
    with pytest.raises(emc.EmcError, match=message):
        measured(**changes)


@pytest.mark.parametrize("tolerance", [0, -1, 1, 1e9, float("nan"), "a", None, True])
def test_a_tolerance_is_a_number_between_0_and_1(tolerance: object) -> None:
    wanted = "tolerance: a number between 0 and 1 is wanted, found "
    with pytest.raises(emc.EmcError, match=re.escape(f"{wanted}{tolerance!r}")):
        measured(tolerance=tolerance)


@pytest.mark.parametrize("seed", [-1, 1.5, True, None, "a b"])
def test_a_seed_is_a_whole_number(seed: object) -> None:
    wanted = "seed: a whole number from 0 is wanted, found "
    with pytest.raises(emc.EmcError, match=re.escape(f"{wanted}{seed!r}")):
        measured(seed=seed)


def test_numbers_of_numpy_are_numbers() -> None:
    plain = measured(epochs=5, probes=2, seed=3, tolerance=0.5).probes
    numpys = {"epochs": np.int64(5), "probes": np.int32(2), "seed": np.uint8(3)}
    found = measured(tolerance=np.float32(0.5), **numpys).probes
    assert found.drop("seconds", "finish_seconds").equals(plain.drop("seconds", "finish_seconds"))


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("back_end", ["vmap", "sequential"])
def test_modes_without_gradients_change_nothing(mode: Any, back_end: str) -> None:
    settings = {"epochs": 5, "probes": 2, "back_end": back_end}
    plain = measured(**settings).probes
    with mode():
        found = measured(**settings).probes
    assert found.drop("seconds", "finish_seconds").equals(plain.drop("seconds", "finish_seconds"))


def test_a_net_instead_of_a_factory_is_told() -> None:
    with pytest.raises(emc.EmcError, match="a function that makes a fresh net is wanted"):
        emc.measure(net(), (INPUTS, LABELS))


def test_logits_of_another_number_of_classes_are_told() -> None:
    with pytest.raises(emc.EmcError, match="classes"):
        emc.measure(lambda: nn.Linear(6, 2), (INPUTS, LABELS))
