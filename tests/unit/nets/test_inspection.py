"""What an inspection finds in a module, on modules that have it and on modules that do not."""

import random
import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune

from emc.nets.inspection import behaviour, few_different, shared, structure

X = torch.from_numpy(np.random.default_rng(0).standard_normal((5, 4)).astype(np.float32))


def mlp(*between: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 6), *between, nn.Tanh(), nn.Linear(6, 3))


class Through(nn.Module):
    """An MLP whose hidden numbers go through a function."""

    def __init__(self, change: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.first, self.last, self._change = nn.Linear(4, 6), nn.Linear(6, 3), change

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.last(torch.tanh(self._change(self.first(x))))
        return logits


def test_a_plain_net_has_nothing_special() -> None:
    found = structure(mlp())
    assert found.kind == "Sequential"
    assert set(found.dtypes.values()) == {torch.float32}
    special = [found.lazy, found.tied, found.frozen, found.parametrized, found.pruned]
    assert not any([*special, found.outside, found.batch_norms])
    for training in (True, False):
        seen = behaviour(mlp(), X, training=training)
        assert (seen.dtype, seen.shape) == (torch.float32, (5, 3))
        assert not any([seen.mixes, seen.draws, seen.changes])


def test_dtypes_of_parameters_and_buffers() -> None:
    net = mlp().half()
    net[0].weight = nn.Parameter(torch.zeros(6, 4, dtype=torch.cfloat))
    net.register_buffer("table", torch.zeros(2, dtype=torch.float64))
    found = structure(net).dtypes
    assert found["0.weight"] == torch.complex64
    assert found["2.bias"] == torch.float16
    assert found["table"] == torch.float64


def test_lazy_layers() -> None:
    lazy = nn.Sequential(nn.LazyLinear(6), nn.LazyBatchNorm1d())
    found = structure(lazy).lazy
    assert found[:2] == ("0.weight", "0.bias")
    assert "1.running_mean" in found
    assert not shared(lazy[0], lazy[0])


def test_tied_and_frozen_weights() -> None:
    net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    net[1].weight = net[0].weight
    net[1].bias.requires_grad_(False)
    found = structure(net)
    assert found.tied == {"1.weight": "0.weight"}
    assert found.frozen == ("1.bias",)


def test_parametrized_weights_of_both_kinds() -> None:
    new, spectral, old = mlp(), mlp(), mlp()
    parametrizations.weight_norm(new[0])
    parametrizations.spectral_norm(spectral[2])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        nn.utils.weight_norm(old[0])
    assert structure(new).parametrized == ("0.weight",)
    assert structure(spectral).parametrized == ("2.weight",)
    assert structure(old).parametrized == ("0.weight",)
    assert structure(old).outside == ("0.weight",)
    assert structure(old).pruned == ()
    assert not behaviour(old, X, training=False).mixes


def test_pruned_weights() -> None:
    net = mlp()
    prune.l1_unstructured(net[2], "weight", 0.5)
    found = structure(net)
    assert found.pruned == ("2.weight",)
    assert found.parametrized == ()


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_with_running_statistics_mixes_rows_in_training_only(training: bool) -> None:
    net = mlp(nn.BatchNorm1d(6))
    before = [buffer.clone() for buffer in net.buffers()]
    seen = behaviour(net, X, training=training)
    assert seen.mixes == training
    names = ("1.running_mean", "1.running_var", "1.num_batches_tracked")
    assert seen.changes == (names if training else ())
    assert all(map(torch.equal, before, net.buffers()))
    assert structure(net).batch_norms == ("1",)
    assert structure(net).batch_norms_always == ()


def test_batch_norm_without_running_statistics_mixes_rows_always() -> None:
    net = mlp(nn.BatchNorm1d(6, track_running_stats=False))
    assert structure(net).batch_norms_always == ("1",)
    assert behaviour(net, X, training=True).mixes
    assert behaviour(net, X, training=False).mixes


@pytest.mark.parametrize(
    "change",
    [
        lambda h: h - h.mean(0),
        lambda h: h + h.roll(1, 0),
        lambda h: h / len(h),
        lambda h: h.flip(0),
        lambda h: h + h.detach().sum(0),
    ],
)
def test_rows_that_depend_on_each_other_in_both_modes(change: Callable[[Tensor], Tensor]) -> None:
    assert behaviour(Through(change), X, training=True).mixes
    assert behaviour(Through(change), X, training=False).mixes


def test_layer_norm_and_attention_within_a_row_do_not_mix_rows() -> None:
    assert not behaviour(mlp(nn.LayerNorm(6)), X, training=True).mixes
    assert not behaviour(Through(lambda h: h - h.mean(1, keepdim=True)), X, training=False).mixes


def test_dropout_draws_in_training_only_and_the_generators_stay() -> None:
    net = mlp(nn.Dropout(0.5))
    torch.manual_seed(3)
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()  # type: ignore[index]
    assert behaviour(net, X, training=True).draws == ("torch",)
    assert behaviour(net, X, training=False).draws == ()
    assert not behaviour(net, X, training=True).mixes
    assert torch.equal(states[0], torch.get_rng_state())
    assert states[1] == random.getstate()
    assert np.array_equal(states[2], np.random.get_state()[1])  # type: ignore[index]


def test_draws_from_other_generators_than_torchs() -> None:
    assert behaviour(Through(lambda h: h + random.random()), X, training=False).draws == ("random",)
    drawn = Through(lambda h: h + float(np.random.standard_normal()))
    assert behaviour(drawn, X, training=True).draws == ("numpy",)


def test_the_mode_of_each_layer_is_given_back() -> None:
    net = mlp(nn.Dropout(0.5)).train()
    net[1].eval()
    behaviour(net, X, training=True)
    assert [layer.training for layer in net] == [True, False, True, True]


def test_shared_numbers() -> None:
    layer = nn.Linear(6, 3)
    first, second = (nn.Sequential(nn.Linear(4, 6), layer) for _ in range(2))
    assert shared(first, second) == {"1.weight": "1.weight", "1.bias": "1.bias"}
    assert not shared(mlp(), mlp())
    rows = torch.zeros(8, 4)
    views = [nn.Linear(4, 3) for _ in range(2)]
    for start, view in enumerate(views):
        view.weight = nn.Parameter(rows[start : start + 3])
    assert shared(*views) == {"weight": "weight"}


def test_one_row_cannot_tell_whether_rows_mix_but_its_number_can() -> None:
    assert not behaviour(mlp(), X[:1], training=True).mixes
    assert behaviour(Through(lambda h: h / len(h)), X[:1], training=True).mixes


def test_a_few_different_rows_are_found_among_copies() -> None:
    x = torch.zeros(600, 3)
    x[[50, 60, 599]] = torch.eye(3)
    assert few_different(x).tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 0]]
    assert few_different(x[:3]).shape == (3, 3)
    assert few_different(x[:1]).shape == (1, 3)
    assert few_different(torch.arange(20)[:, None]).flatten().tolist() == list(range(8))
    assert few_different(torch.arange(3)).tolist() == [0, 1, 2]
