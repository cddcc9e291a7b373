"""What modules compute, found without their numbers."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from math import prod
from pathlib import Path
from threading import Lock
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from tests.unit.nets.batch_norms import BATCH_NORMED
from tests.unit.nets.chains import chains
from tests.unit.nets.lookalikes import ONLY_LOOK_KNOWN
from tests.unit.nets.own_modules import CLASSES, SHAPE, WRITTEN, Make, OfFunction, plain
from tests.unit.nets.traps import TRAPS
from torch import nn

from emc.nets.build import Factory, as_known, untraced
from emc.nets.graph import Graph
from emc.nets.graph_module import GraphModule
from emc.nets.layers import Conv, Dense
from emc.nets.noise import seeded
from emc.nets.recognise import recognised
from emc.nets.tracing import UntraceableError, traced
from emc.nets.transformer import Transformer
from emc.study.architectures import Vit

NAMES = [*ONLY_LOOK_KNOWN, *TRAPS]
SCALE = 0.5


def halved(x: Any) -> Any:
    return SCALE * x


class Configured(nn.Module):
    names: ClassVar = ["first"]

    def __init__(self) -> None:
        super().__init__()
        self.settings = SimpleNamespace(width=6, factor=np.float64(2), path=Path("a"))
        self.table, self.draw = np.arange(3), random.Random(0)
        self.function = partial(torch.mul, 3.0)
        self.body, self.lock = plain(), Lock()

    def forward(self, x: torch.Tensor) -> Any:
        return halved(self.body(x)) * float(self.settings.factor)


def agrees(make: Make) -> None:
    """The graph's module has the logits and gradients of the module, in float64."""
    net = make()
    graph = traced(net, SHAPE, CLASSES)
    reference = GraphModule(graph).double()
    named = dict(net.double().named_parameters())
    with torch.no_grad():
        for parameter, name in zip(reference.parameters(), graph.parameters, strict=True):
            parameter.copy_(named[name].normal_())
    buffers = dict(net.named_buffers())
    if graph.statistics:
        reference.statistics = torch.cat([buffers[name] for name in graph.statistics])
    x = torch.randn(7, *SHAPE, dtype=torch.float64)
    weights = torch.randn(7, CLASSES, dtype=torch.float64)
    own = [named[name] for name in graph.parameters]
    answers = []
    for each, parameters in ((net, own), (reference, list(reference.parameters()))):
        logits = each(x)
        gradients = torch.autograd.grad((weights * logits).sum(), parameters)
        answers.append([logits, *gradients, each(-x), each.eval()(x[:5])])
    for found, expected in zip(*answers, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    if graph.statistics:
        moved = torch.cat([buffers[name] for name in graph.statistics])
        torch.testing.assert_close(reference.statistics, moved, rtol=1e-9, atol=1e-9)


@given(make=chains())
@settings(max_examples=30, deadline=None)
def test_a_chain_computes_what_its_graph_says(make: Make) -> None:
    agrees(make)


@pytest.mark.parametrize("name", WRITTEN)
def test_a_written_forward_computes_what_its_graph_says(name: str) -> None:
    agrees(WRITTEN[name])


@pytest.mark.parametrize("name", BATCH_NORMED)
def test_batch_norms_compute_what_their_graph_says(name: str) -> None:
    agrees(BATCH_NORMED[name])


@pytest.mark.parametrize("name", BATCH_NORMED)
def test_a_trace_leaves_running_statistics_alone(name: str) -> None:
    net = BATCH_NORMED[name]()
    held = dict(net.named_buffers())
    before = {key: value.clone() for key, value in held.items()}
    found = traced(net, SHAPE, CLASSES)
    assert all(torch.equal(value, before[key]) for key, value in held.items())
    assert all(value is held[key] for key, value in net.named_buffers())
    assert set(found.statistics) == {key for key in held if "running" in key}


@given(make=chains())
@settings(max_examples=10, deadline=None)
def test_a_trace_leaves_the_module_as_it_was(make: Make) -> None:
    net = make().eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    state = torch.get_rng_state()
    traced(net, SHAPE, CLASSES)
    assert not net.training
    assert all(isinstance(p, nn.Parameter) for p in net.parameters())
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("make", [*ONLY_LOOK_KNOWN.values(), *TRAPS.values()], ids=NAMES)
def test_modules_that_only_look_known_are_not(make: Make) -> None:
    found = recognised(make, SHAPE, CLASSES)
    assert found.net is None
    assert found.unknown


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("a private count", "it changes '_counts' as it is called"),
        ("a count of the class", "it changes 'Rare.calls' as it is called"),
        ("a count in a tensor", "'held' keeps a tensor that torch does not list"),
        ("a layer in a list", "'held' keeps a layer that torch does not list"),
        ("an iterator", "'held' keeps a count"),
        ("a draw of numpy's", "it draws random numbers, from 'numpy'"),
        ("asks for a type", "'0.function' asks whether something is a tensor"),
        ("asks for a renamed type", "'0.function' asks whether something is a tensor"),
        ("asks for a type by its case", "'0.function' asks whether something is a tensor"),
        ("clipping", "'body.1.weight' changes with the mode"),
        ("clipping late", "'body.1.weight' changes with the mode"),
        ("epsilon below zero", "a norm's epsilon is -0.001"),
        ("epsilon of zero", "a norm's epsilon is 0.0"),
        ("endless", "its logits or gradients are not finite for some inputs"),
        ("batch norm, momentum below zero", "its logits or gradients are not finite for some"),
        ("catches errors", "it uses 'clamp' of a tensor"),
        ("a derivative of its own", "it calls ClippedBackward, of a derivative of its own"),
        ("parameters of its own", "HeadOnly has a method 'parameters' of its own"),
        ("freezing", "'body.1.weight' does not train"),
        ("view without gradient", "it computes without gradients"),
        ("instance norm", "layer '0.0' (InstanceNorm2d) is a layer that the kernels do not know"),
        ("batch norm, subclass", "layer 'norm' (Named) is made from BatchNorm1d"),
        ("batch norm, synchronised", "layer 'norm' (SyncBatchNorm) is a layer that the kernels do"),
        ("batch norm, frozen", "a batch norm is in another mode than its net"),
        ("batch norm, reset", "it changes 'norm.running_mean' as it changes its mode"),
        ("batch norm, warming", "a batch norm's momentum is not that of its layer"),
        ("batch norm, by mode", "it computes differently from call to call, or in evaluation"),
        ("batch norm, read", "it reads 'norm.running_mean' outside of its batch norm"),
        ("batch norm, counted", "it reads 'norm.num_batches_tracked' outside of its batch norm"),
        ("batch norm, counting", "it reads 'norm.num_batches_tracked' outside of its batch norm"),
        ("batch norm, shared", "'norm.num_batches_tracked' counts more than one batch in a call"),
        ("batch norm, of another", "'other.running_mean' lies in the memory of 'norm.running_mea"),
        ("batch norm, by hand", "a batch norm's momentum is not that of its layer"),
        ("batch norm, unused", "'norm.running_mean' is not used"),
        ("batch norm, hook", "layer 'norm' (BatchNorm1d) has hooks"),
        ("batch norm, frozen weight", "'norm.weight' does not train"),
        ("batch norm, begun before", "'norm.num_batches_tracked' does not begin at 0"),
        ("batch norm, buffer beside", "'norm.more' is a buffer"),
    ],
)
def test_the_answer_says_why_a_net_is_not_known(name: str, why: str) -> None:
    found = recognised({**TRAPS, **ONLY_LOOK_KNOWN}[name], SHAPE, CLASSES).unknown
    assert str(found).startswith(why)


def test_numbers_that_only_settings_hold_are_no_obstacle() -> None:
    """Attributes of any kind, helpers and closures, while no call changes them."""
    net = recognised(Configured, SHAPE, CLASSES)
    assert net.unknown is None


def test_hooks_of_all_modules_are_seen() -> None:
    handle = nn.modules.module.register_module_forward_hook(lambda *_: None)
    try:
        found = recognised(plain, SHAPE, CLASSES)
    finally:
        handle.remove()
    assert found.unknown == "hooks of all modules are registered"
    assert recognised(plain, SHAPE, CLASSES).net is not None


def test_nets_that_differ_from_call_to_call_are_not_known() -> None:
    made = iter(range(100))

    def make() -> nn.Module:
        activation = nn.Tanh if next(made) % 2 else nn.ReLU
        return nn.Sequential(nn.Flatten(), nn.Linear(128, 4), activation(), nn.Linear(4, CLASSES))

    assert recognised(make, SHAPE, CLASSES).unknown == "two nets of the factory compute differently"


def test_inputs_may_be_single_numbers() -> None:
    def make() -> nn.Module:
        return nn.Sequential(OfFunction(lambda x: x.unsqueeze(1)), nn.Linear(1, CLASSES))

    assert recognised(make, (), CLASSES).unknown is None


@contextmanager
def autocast() -> Iterator[None]:
    with torch.autocast("cpu", torch.bfloat16):
        yield


class Autocast(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = plain()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with autocast():
            logits: torch.Tensor = self.body(x)
        return logits


def test_a_forward_under_autocast_is_not_known() -> None:
    assert recognised(Autocast, SHAPE, CLASSES).unknown == "it computes under autocast"


def test_the_wrong_number_of_classes_is_not_known() -> None:
    assert "logits of 4 classes" in str(recognised(plain, SHAPE, 4).unknown)


def test_a_dense_chain_is_layers() -> None:
    found = recognised(plain, SHAPE, CLASSES)
    assert found.net == (Dense(128, 6, True, "relu"), Dense(6, CLASSES, True, "identity"))
    assert [name for name, _ in found.shapes] == ["1.weight", "1.bias", "3.weight", "3.bias"]


def test_a_convolutional_net_is_layers_whatever_the_order_of_its_parameters() -> None:
    found = recognised(WRITTEN["cnn with functions"], SHAPE, CLASSES)
    assert found.net == (
        Conv(2, 3, 8, 8, "relu"),
        Conv(3, 4, 4, 4, "silu", bias=False),
        Dense(16, CLASSES, True, "identity"),
    )
    names = [name for name, _ in found.shapes]
    assert names == ["first.weight", "first.bias", "second.weight", "head.weight", "head.bias"]


@pytest.mark.parametrize(("window", "padding", "pixels"), [(3, 0, 4), (2, 1, 25)])
def test_a_net_nearly_of_layers_is_a_graph(window: int, padding: int, pixels: int) -> None:
    """Its head does not fit the pooling that such layers have."""

    def make() -> nn.Module:
        pool = nn.MaxPool2d(window, padding=padding)
        body = (nn.Conv2d(2, 3, 3, padding=1), nn.ReLU(), pool, nn.Flatten())
        return nn.Sequential(*body, nn.Linear(3 * pixels, CLASSES))

    assert isinstance(recognised(make, SHAPE, CLASSES).net, Graph)


@pytest.mark.parametrize("activation", ["gelu", "relu"])
def test_a_vision_transformer_is_one(activation: str) -> None:
    vit = Vit(name="vit", patch=4, depth=2, width=6, heads=3)
    factory = Factory(vit, activation, "torch", SHAPE, CLASSES)
    found = recognised(factory, SHAPE, CLASSES)
    assert found.net == as_known(factory) == Transformer(2, 8, 4, 2, 6, 3, activation, CLASSES)
    assert dict(found.shapes) == found.net.shapes


def test_the_names_of_what_a_module_computes() -> None:
    found = recognised(plain, SHAPE, CLASSES)
    net, names = untraced(found)
    assert net == found.net
    assert list(names) == ["1.weight", "1.bias", "3.weight", "3.bias"]
    assert list(names.values()) == ["0.weight", "0.bias", "1.weight", "1.bias"]


def test_a_traced_factory_makes_what_the_factory_makes() -> None:
    found = recognised(plain, SHAPE, CLASSES)
    with seeded(7):
        one = found()
    with seeded(7):
        other = plain()
    for first, second in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.equal(first, second)


def test_a_net_of_very_many_numbers_is_not_traced() -> None:
    with pytest.raises(UntraceableError, match="more than 1,000,000 numbers per sample"):
        traced(nn.Sequential(nn.Conv2d(2, 20_000, 1), nn.Flatten(), nn.Linear(1, 5)), SHAPE, 5)


def test_graphs_of_one_computation_are_equal() -> None:
    one, other = (traced(WRITTEN["class token"](), SHAPE, CLASSES) for _ in range(2))
    assert one == other
    assert hash(one) == hash(other)
    assert one != traced(WRITTEN["residual"](), SHAPE, CLASSES)
    assert one.size == sum(map(prod, one.parameters.values()))
    assert np.array_equal(one.logits, np.arange(one.places - CLASSES, one.places))
