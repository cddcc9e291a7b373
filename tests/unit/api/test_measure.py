"""`emc.measure` on anyone's net and data."""

import re
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import emc
from emc.api import measure as measure_module
from emc.api.measurement import Measurement
from emc.api.optimizer import choose
from emc.errors import EmcError
from emc.measurement import device_choice

DRAW = np.random.default_rng(3)
INPUTS = DRAW.standard_normal((120, 6)).astype(np.float32)
LABELS = DRAW.integers(0, 3, 120)


def net() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3))


def measured(**changes: Any) -> Measurement:
    settings: dict[str, Any] = {
        "labels": "random",
        "optimizer": {"name": "adam", "lr": 0.03},
        "epochs": 40,
        "finish": {"iterations": 50},
        "tolerance": 0.4,
        "probes": 16,
    }
    return emc.measure(net, (INPUTS, LABELS), **(settings | changes))  # type: ignore[arg-type]


def test_the_answer_is_a_number_with_its_interval_and_probes() -> None:
    found = measured(probes=40, finish={})
    low, high = found.interval
    assert found.interval_budget == (found.estimate.low_budget, found.estimate.high_budget)
    assert 1 <= low <= found.emc50 <= high
    assert found.estimate.parameters == 6 * 5 + 5 + 5 * 3 + 3
    assert len(found.probes) == found.estimate.probes <= 40
    outcomes = dict(found.probes["outcome"].value_counts().iter_rows())
    assert repr(found) == str(found)
    first, *doubts = str(found).splitlines()
    assert first.startswith(f"EMC at minima {found.emc50:.4g} [")
    assert f"within the budget {found.emc50_budget:.4g} [" in first
    assert all(f"{count} {outcome}" in first for outcome, count in outcomes.items())
    told = [doubt.strip() for doubt in doubts]
    assert told[: len(found.estimate.doubts)] == list(found.estimate.doubts)


def test_rates_are_added_beyond_an_edge_that_wins() -> None:
    found = measured(optimizer={"name": "sgd", "lr": 0.01}, widen=1)
    assert [rate.lr for rate in found.estimate.rates] == pytest.approx([0.01 / 3, 0.01, 0.03])


def test_an_interval_wider_than_asked_for_is_told() -> None:
    found = measured()
    narrow = replace(found, estimate=replace(found.estimate, tolerance_reached=True))
    assert "wider" not in str(narrow)
    wide = str(replace(found, estimate=replace(found.estimate, tolerance_reached=False)))
    assert wide.splitlines()[-1] == (
        "  the interval is wider than the tolerance asked for, half width 0.4 of the number"
    )


def test_a_budget_without_an_epoch_of_the_smallest_n_is_refused() -> None:
    with pytest.raises(
        emc.EmcError,
        match=r"steps: expected at least 3, one epoch of the smallest n, 20, in batches of 8, ",
    ):
        measured(epochs=None, steps=2, batch=8, smallest=20)


def test_the_plot_shows_every_probe_at_the_best_rate() -> None:
    found = measured()
    chart = found.plot().to_dict()
    (rows,) = chart["datasets"].values()
    assert sum(row["kind"] == "probe" for row in rows) == len(found.probes)


def test_the_same_call_gives_the_same_probes() -> None:
    one, other = measured().probes, measured().probes
    assert one.drop("seconds", "finish_seconds").equals(other.drop("seconds", "finish_seconds"))


@pytest.mark.parametrize(("gain", "back_end"), [("1", "native"), ("0", None)])
def test_a_card_is_taken_only_where_it_is_foretold_to_be_faster(
    gain: str, back_end: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A card that is made up, and refuses to train."""
    monkeypatch.setattr(measure_module, "resolve", lambda _: "cuda")
    monkeypatch.setattr(measure_module, "check_nets", lambda *_: 53)
    monkeypatch.setattr(device_choice, "visible_model", lambda _: "NVIDIA H200")
    monkeypatch.setattr(measure_module, "round_size", _round_on)
    monkeypatch.setenv(device_choice.GAIN, gain)
    few = {"epochs": 3, "probes": 3, "finish": {"iterations": 0}, "aim": "budget"}
    if back_end:
        assert measured(**few).estimate.back_end == back_end
    else:
        with pytest.raises(EmcError, match="a card is taken"):
            measured(**few)


def _round_on(_: object, device: str, __: object) -> int:
    if device == "cuda":
        raise EmcError("a card is taken")
    return 1


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
    with pytest.raises(emc.EmcError, match=f"the native back end cannot run .*{re.escape(why)}"):
        emc.measure(softplus, (INPUTS, LABELS), back_end="native")


def test_a_batch_normed_net_is_trained_by_kernels_and_not_finished() -> None:
    normed = lambda: nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Linear(4, 3))  # noqa: E731
    settings = {"optimizer": {"name": "sgd", "lr": 0.1}, "epochs": 3, "probes": 3, "smallest": 8}
    by_kernels, by_torch = (
        emc.measure(normed, (INPUTS, LABELS), back_end=name, **settings)  # type: ignore[arg-type]
        for name in (None, "sequential")
    )
    assert set(by_kernels.probes["back_end"]) == {"native"}
    assert set(by_torch.probes["back_end"]) == {"sequential"}
    for found in (by_kernels, by_torch):
        assert "(batch normalisation)" in str(found.estimate.finish_refused)
    for column in ("n", "outcome", "epochs", "accuracy"):
        assert by_kernels.probes[column].to_list() == by_torch.probes[column].to_list()


def test_a_net_that_fits_all_there_is_gives_a_lower_bound() -> None:
    inputs = np.eye(6, dtype=np.float32)
    found = emc.measure(
        net, (inputs, np.arange(6) % 3), optimizer={"name": "adam", "lr": 0.1}, probes=60
    )
    assert found.estimate.saturated
    assert found.interval == (6, None)
    assert str(found).startswith("EMC at minima 6 [6, no end], within the budget 6 [6, no end]")
    assert "; each is a lower bound: the data ended first" in str(found)
    (rows,) = found.plot().to_dict()["datasets"].values()
    (answer,) = (row for row in rows if row["kind"] == "answer")
    assert (answer["emc50"], answer["high"], answer.get("width")) == (6, None, None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": "shuffled"}, r"labels: expected one of .*, found the name 'shuffled'"),
        (
            {"optimizer": {"name": "adam", "lrr": 1}},
            "found the key 'lrr'; did you mean 'lr'",
        ),
        (
            {"back_end": "jax"},
            "back end: expected one of native, .*, found 'jax'",
        ),
        ({"device": "tpu"}, "device: expected one of .* found 'tpu'"),
        ({"epochs": "a"}, "epochs: expected a whole number from 1, found 'a'"),
        ({"epochs": 10**9}, "^epochs: expected at most 100,000,000, found 1000000000$"),
        (
            {"epochs": None, "steps": 10**8 + 1},
            "^steps: expected at most 100,000,000, found 100000001$",
        ),
        ({"seed": 2**63}, "^seed: expected at most 9,223,372,036,854,775,807, found 922337203685"),
        ({"probes": 0}, "probes: expected a whole number from 1, found 0"),
        ({"widen": -1}, "widen: expected a whole number from 0, found -1"),
        ({"widen": 101}, "widen: expected at most 100, found 101"),
        ({"smallest": 121}, "smallest: expected at most the 120 samples there are, found 121"),
        (
            {"labels": {"noisy": 2}},
            "labels: noisy.fraction: expected a number not above 1",
        ),
        ({"labels": {"classes": 4}}, "labels: expected at most 3 classes, found 4"),
        ({"labels": "permuted-pixels"}, "labels: 'permuted-pixels': expected images, found inputs"),
        ({"labels": ["random"]}, r"labels: expected a name, or keys as in .* found \['random'\]"),
        ({"loss": "hinge"}, "loss: name: expected one of .*, found the value 'hinge'"),
        (
            {"loss": torch.nn.functional.mse_loss},
            r"loss: expected a name \(cross-ent.* found <func",
        ),
        (
            {"schedule": {"name": "cosine", "warm": 1}},
            "schedule: .*found the key 'warm'; did you",
        ),
        ({"batch": {"size": 0}}, "batch: size: expected a number not below 1, found 0"),
        ({"criterion": 1.5}, "criterion: expected a number above 0 and up to 1, found 1.5"),
        ({"aim": "both"}, "aim: expected 'minima' or 'budget', found 'both'"),
        ({"finish": 3}, "finish: expected a name, or keys as in a study file, found 3"),
        ({"device": torch.device("meta")}, "device: expected one of .* found 'meta'"),
        ({"optimizer": None}, "optimizer: expected a name .* found None; known names are sgd"),
        (
            {"optimizer": torch.optim.LBFGS},
            "^optimizer: LBFGS: its steps want a closure: give 'lbfgs'",
        ),
        (
            {"optimizer": {"name": torch.optim.Adam, "momentum": 0.9}},
            "optimizer: Adam fails: TypeError: .*unexpected keyword argument 'momentum'",
        ),
        (
            {"optimizer": {"name": torch.optim.Adam, "lr": -1}},
            "optimizer: lr: expected a number above 0, found -1",
        ),
        (
            {"optimizer": torch.optim.SGD(net().parameters(), lr=0.1)},
            "optimizer: expected the class, .* give {'name': torch.optim.SGD, 'lr': 0.001}$",
        ),
        ({"optimizer": torch.optim.SparseAdam}, "optimizer: SparseAdam cannot step: RuntimeError"),
        ({"optimizer": torch.nn.Linear}, "optimizer: Linear: expected learning rates: give {'name"),
        (
            {"optimizer": {"name": torch.nn.Identity, "lr": 1}},
            "Identity: expected a torch.optim.Optimizer .* found Identity",
        ),
        ({"optimizer": {"lr": 1}}, "optimizer: expected an entry with a 'name'"),
        (
            {"optimizer": {"name": "sgd", "lr": np.zeros(2)}},
            "optimizer: lr.0: expected a number above 0",
        ),
        (
            {"optimizer": {"name": lambda weights, lr: torch.optim.SGD(weights[:1], lr), "lr": 1}},
            "^optimizer: <lambda>: expected an optimizer of all 4 tensors that it is given, found"
            " one without 3, the first of shape .5,.: what is not to be trained is frozen",
        ),
    ],
)
def test_wrong_options_are_told(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(emc.EmcError, match=message):
        measured(**changes)


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        ("random-inputs", 3),
        ({"noisy": 0.5}, 3),
        ({"classes": 2}, 2),
        ({"name": "random", "classes": 7}, 7),
    ],
)
def test_all_labellings_of_a_study(labels: Any, classes: int) -> None:
    options: Any = {"labels": labels, "probes": 3, "epochs": 5, "finish": {"iterations": 5}}
    found = emc.measure(lambda: nn.Linear(6, classes), (INPUTS, LABELS), **options)
    assert found.estimate.classes == classes


def test_words_truth_values_and_single_columns_are_labels() -> None:
    options: Any = {"probes": 3, "epochs": 5, "finish": {"iterations": 5}}
    plain = emc.measure(net, (INPUTS, LABELS), **options).probes
    for labels in (np.array(["a", "b", "c"])[LABELS], LABELS[:, None] + 0.0, [*map(int, LABELS)]):
        found = emc.measure(net, (INPUTS, labels), **options).probes
        assert found.drop("seconds", "finish_seconds").equals(
            plain.drop("seconds", "finish_seconds")
        )


def trained_by(optimizer: object, **more: Any) -> Measurement:
    return measured(optimizer=optimizer, probes=4, epochs=10, finish={"iterations": 10}, **more)


def test_a_class_of_torch_steps_as_the_programs_own() -> None:
    """Adam is torch's in both; one replica at a time they take the same steps."""
    own = trained_by({"name": "adam", "lr": [0.01, 0.03]}, back_end="sequential")
    torchs = trained_by({"name": torch.optim.Adam, "lr": [0.03, 0.01]}, back_end="sequential")
    columns = ["n", "lr", "outcome", "epochs", "loss"]
    assert own.probes.select(columns).equals(torchs.probes.select(columns))
    assert torchs.estimate.finish_refused is None


def own_descent(weights: Any, lr: float) -> torch.optim.Optimizer:
    return torch.optim.SGD(weights, lr=lr)


@pytest.mark.parametrize(
    ("optimizer", "why"),
    [
        (torch.optim.RMSprop, None),
        ({"name": torch.optim.SGD, "weight_decay": 0.1}, "the weight decay of SGD is no known"),
        ({"name": torch.optim.SGD, "maximize": True}, "SGD maximises the training loss"),
        ({"name": torch.optim.ASGD}, "the decay 'lambd' of ASGD is no known"),
        ({"name": torch.optim.ASGD, "lambd": 0.0}, None),
        ({"name": torch.optim.AdamW, "lr": 0.01}, "the weight decay of AdamW is no known"),
        ({"name": torch.optim.AdamW, "lr": 0.01, "weight_decay": 0}, None),
        (partial(torch.optim.SGD, lr=0.1), None),
        ({"name": own_descent, "lr": 0.1}, "own_descent does not say that it minimises"),
    ],
)
def test_a_finish_follows_what_minimises_the_training_loss(optimizer: Any, why: str) -> None:
    refused = trained_by(optimizer).estimate.finish_refused
    assert refused is None if why is None else str(refused).startswith(why)


@pytest.mark.parametrize("name", ["sgd", torch.optim.SGD])
def test_rates_may_be_numbers_of_numpy_and_torch(name: Any) -> None:
    forms = [[0.1, 0.5], np.array([0.1, 0.5]), torch.tensor([0.1, 0.5], dtype=torch.double)]
    forms.append([np.float64(0.1), torch.tensor(0.5)])
    assert {choose({"name": name, "lr": rates}).rates for rates in forms} == {(0.1, 0.5)}


def test_an_optimizer_that_the_program_registers() -> None:
    @emc.optimizer("plain-descent", minimises_loss=True)
    def plain_descent(parameters: Any, lr: float, drag: float = 0.0) -> torch.optim.Optimizer:
        return torch.optim.SGD(parameters, lr=lr, momentum=drag)

    by_name = trained_by({"name": "plain-descent", "lr": 0.1, "drag": 0.5})
    by_function = trained_by({"name": plain_descent, "lr": 0.1, "drag": 0.5})
    assert by_name.estimate.finish_refused is None
    columns = ["n", "outcome", "epochs", "loss"]
    assert by_name.probes.select(columns).equals(by_function.probes.select(columns))
    with pytest.raises(emc.EmcError, match="found the key 'dragg'; did you mean 'drag'"):
        trained_by({"name": "plain-descent", "lr": 0.1, "dragg": 0.5})
    with pytest.raises(emc.EmcError, match="optimizer: lr: is missing"):
        trained_by(plain_descent)


def test_loss_schedule_batch_and_criterion_are_those_of_a_study() -> None:
    found = measured(
        loss="squared-error",
        schedule={"name": "cosine", "warmup": 0.1},
        batch={"size": 16, "order": "ragged"},
        criterion=0.9,
        epochs=None,
        steps=30,
        probes=4,
        device=torch.device("cpu"),
    )
    assert found.probes["steps"].max() == 30
    fits = found.probes.filter(found.probes["outcome"] == "fit")
    assert (fits["accuracy"] >= 0.9).all()


@pytest.mark.parametrize("bar", [True, False])
def test_a_bar_is_shown_where_it_is_asked_for(
    bar: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    measured(probes=3, epochs=5, progress=bar)
    assert ("probe/s" in capsys.readouterr().err) == bar


class Wrapped(nn.Module):
    """Gives what transformers of Hugging Face give: an object with logits."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = net()

    def forward(self, x: torch.Tensor) -> Any:
        return SimpleNamespace(logits=self.inner(x))


class Named(Wrapped):
    """Gives its logits by name."""

    def forward(self, x: torch.Tensor) -> Any:
        return {"logits": self.inner(x)}


PHOTOS = DRAW.standard_normal((30, 3, 5, 5)).astype(np.float32)
THREE = np.arange(30) % 3


def convolution() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 3, 5), nn.Flatten())


class Lookup(nn.Module):
    """Takes words by their numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.last = nn.Embedding(9, 4), nn.Linear(24, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.words(x).flatten(1))


def seeded_net() -> nn.Module:
    torch.manual_seed(0)
    return net()


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (seeded_net, "every call gives the same initial weights"),
        (lambda: nn.Sequential(net(), nn.Softmax(1)), "its outputs are positive and sum to 1, as"),
    ],
)
def test_what_is_seldom_meant_is_a_warning(model: Any, said: str) -> None:
    options: Any = {"labels": "random", "epochs": 2, "probes": 1, "finish": {"iterations": 1}}
    with pytest.warns(UserWarning, match=f"^model: {said}") as told:
        emc.measure(model, (INPUTS, LABELS), **options)
    assert told[0].filename == __file__


@pytest.mark.parametrize(
    ("model", "data", "message"),
    [
        (Wrapped, (INPUTS, LABELS), "expected a tensor of logits .*: return its `.logits`$"),
        (Lookup, (INPUTS, LABELS), "inputs arrive in float32: begin with `x.long"),
        (net, (INPUTS, np.eye(3)[LABELS]), r"give `labels.argmax\(1\)` of one-hot labels"),
        (Named, (INPUTS, LABELS), "expected a tensor of logits .*: return its item 'logits'$"),
        (
            lambda: nn.Linear(6, 1),
            (INPUTS, LABELS > 0),
            r"\(2, 2\), found .*: two classes have two logits$",
        ),
        (net, (LABELS, INPUTS), r"found \(120,\) and \(120, 6\)$"),
        (net, (INPUTS, LABELS + 1), r"give `numpy.unique\(labels, return_inverse=True\)\[1\]`$"),
        (net, (INPUTS, 0 * LABELS), "found 1 different ones from 0 to 0, without 1$"),
        (convolution, (PHOTOS.transpose(0, 2, 3, 1), THREE), r"inputs.permute\(0, 3, 1, 2\)"),
        (lambda: nn.Conv2d(1, 3, 5), (PHOTOS[:, 0], THREE), r"give `inputs\[:, None\]`"),
        (lambda: nn.Linear(1, 3), (INPUTS[:, 0], LABELS), r"give `inputs\[:, None\]`"),
        (
            net,
            DataLoader(TensorDataset(torch.from_numpy(INPUTS), torch.from_numpy(LABELS))),
            "found a DataLoader: give its data set, loader.dataset",
        ),
    ],
)
def test_usual_slips_are_told_with_what_helps(model: Any, data: Any, message: str) -> None:
    with pytest.raises(emc.EmcError, match=message):
        emc.measure(model, data)


@pytest.mark.parametrize("tolerance", [0, -1, 1, 1e9, float("nan"), "a", None, True])
def test_a_tolerance_is_a_number_between_0_and_1(tolerance: object) -> None:
    wanted = "tolerance: expected a number between 0 and 1, found "
    with pytest.raises(emc.EmcError, match=re.escape(f"{wanted}{tolerance!r}")):
        measured(tolerance=tolerance)


@pytest.mark.parametrize("seed", [-1, 1.5, True, None, "a b"])
def test_a_seed_is_a_whole_number(seed: object) -> None:
    wanted = "seed: expected a whole number from 0, found "
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
    with pytest.raises(emc.EmcError, match="expected a function that makes a fresh net"):
        emc.measure(net(), (INPUTS, LABELS))


def test_logits_of_another_number_of_classes_are_told() -> None:
    with pytest.raises(emc.EmcError, match="classes"):
        emc.measure(lambda: nn.Linear(6, 2), (INPUTS, LABELS))
