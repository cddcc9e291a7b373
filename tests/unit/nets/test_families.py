"""Published families: torchvision's own nets where they have its size, and as counted elsewhere."""

from typing import Any

import pytest
import torch
from pydantic import TypeAdapter
from torch import nn
from torchvision import models
from torchvision.models.vision_transformer import VisionTransformer

from emc.nets.activation import ActivationLayer
from emc.nets.build import Factory, net, size
from emc.nets.module import module
from emc.study.architectures import Architecture

SIZES: list[tuple[dict[str, Any], tuple[int, ...]]] = [
    ({"name": "cnn", "width": 3, "depth": 2, "normalisation": "group"}, (3, 9, 11)),
    ({"name": "cnn", "width": 20, "depth": 1, "normalisation": "batch"}, (1, 4, 4)),
    ({"name": "resnet", "width": 1, "depth": 10}, (1, 8, 8)),
    ({"name": "resnet", "width": 5, "depth": 18}, (3, 28, 33)),
    ({"name": "resnet", "width": 7, "depth": 26, "normalisation": "batch"}, (1, 8, 8)),
    ({"name": "resnet", "multiplier": 0.25, "depth": 34, "stem": "large"}, (3, 32, 32)),
    ({"name": "vit", "width": 2, "depth": 1, "heads": 1, "patch": 7}, (1, 28, 28)),
    ({"name": "vit", "width": 12, "depth": 3, "heads": 3, "patch": 8}, (3, 32, 32)),
    ({"name": "vit", "width": 4, "patch": 8}, (1, 8, 8)),
    ({"name": "efficientnet", "width": 1}, (1, 28, 28)),
    ({"name": "efficientnet", "width": 9, "variant": "b2", "normalisation": "batch"}, (3, 16, 40)),
    ({"name": "efficientnet", "multiplier": 0.5, "variant": "b4", "stem": "large"}, (3, 32, 32)),
    ({"name": "mlp-mixer", "width": 2, "depth": 1, "patch": 1}, (1, 3, 2)),
    ({"name": "mlp-mixer", "width": 11, "depth": 3, "patch": 7}, (3, 28, 14)),
]


def made(
    entry: dict[str, Any], shape: tuple[int, ...], activation: str = "relu", classes: int = 5
) -> nn.Module:
    torch.manual_seed(0)
    factory = net(
        TypeAdapter(Architecture).validate_python(entry), activation, "torch", shape, classes
    )
    assert isinstance(factory, Factory)
    return factory().eval()


@pytest.mark.parametrize(("entry", "shape"), SIZES, ids=str)
def test_counts_and_logits(entry: dict[str, Any], shape: tuple[int, ...]) -> None:
    architecture = TypeAdapter(Architecture).validate_python(entry)
    assert size(net(architecture, "tanh", "torch", shape, 5)) == architecture.parameters(shape, 5)
    with torch.no_grad():
        assert made(entry, shape)(torch.randn(2, *shape)).shape == (2, 5)


PLANS: list[tuple[dict[str, Any], tuple[int, ...]]] = [
    ({"name": "linear"}, (3, 4)),
    ({"name": "mlp", "width": 3, "depth": 1}, (5,)),
    ({"name": "mlp", "width": 3, "depth": 3}, (5,)),
    ({"name": "cnn", "width": 2, "depth": 2}, (3, 9, 11)),
]


@pytest.mark.parametrize(("entry", "shape"), [*SIZES, *PLANS], ids=str)
def test_matrices_are_the_weights_with_two_dimensions_or_more(
    entry: dict[str, Any], shape: tuple[int, ...]
) -> None:
    architecture = TypeAdapter(Architecture).validate_python(entry)
    made = net(architecture, "tanh", "torch", shape, 5)
    weights = (module(made) if isinstance(made, tuple) else made()).parameters()
    found = sorted(tuple(w.flatten(1).shape) for w in weights if w.ndim > 1)
    assert found == sorted(architecture.matrices(shape, 5))


def same_as(ours: nn.Module, theirs: nn.Module, x: torch.Tensor) -> None:
    """The same names, and with the same weights the same logits."""
    ours.load_state_dict(theirs.state_dict(), strict=True)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs.eval()(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("depth", [18, 34])
def test_resnet_is_torchvisions(depth: int) -> None:
    entry = {"name": "resnet", "depth": depth, "multiplier": 1}
    ours = made({**entry, "normalisation": "batch", "stem": "large"}, (3, 40, 40))
    same_as(ours, getattr(models, f"resnet{depth}")(num_classes=5), torch.randn(2, 3, 40, 40))


@pytest.mark.parametrize("variant", ["b0", "b2"])
def test_efficientnet_is_torchvisions(variant: str) -> None:
    entry = {"name": "efficientnet", "variant": variant, "multiplier": 1}
    ours = made({**entry, "normalisation": "batch", "stem": "large"}, (3, 40, 40), "silu")
    theirs = getattr(models, f"efficientnet_{variant}")(num_classes=5)
    same_as(ours, theirs, torch.randn(2, 3, 40, 40))


@pytest.mark.parametrize("heads", [1, 4])
def test_vit_is_torchvisions(heads: int) -> None:
    ours = made({"name": "vit", "width": 16, "depth": 2, "heads": heads}, (3, 12, 12), "gelu")
    theirs = VisionTransformer(12, 4, 2, heads, 16, 64, num_classes=5)
    nn.init.normal_(theirs.heads.head.weight)  # published as zero, which would hide the rest
    same_as(ours, theirs, torch.randn(3, 3, 12, 12))


def test_mixer_mixes_all_tokens_and_channels() -> None:
    ours = made({"name": "mlp-mixer", "width": 6, "depth": 1}, (1, 8, 8), "gelu")
    x = torch.randn(1, 1, 8, 8, requires_grad=True)
    ours(x).sum().backward()
    assert x.grad is not None
    assert (x.grad != 0).all()


@pytest.mark.parametrize(
    ("entry", "published"),
    [
        ({"name": "resnet", "width": 16, "depth": 10}, nn.ReLU),
        ({"name": "efficientnet", "width": 4}, nn.SiLU),
        ({"name": "vit", "width": 16, "depth": 2}, nn.GELU),
        ({"name": "mlp-mixer", "width": 16, "depth": 2}, nn.GELU),
        ({"name": "cnn", "width": 16, "normalisation": "group"}, nn.ReLU),
    ],
    ids=lambda value: value["name"] if isinstance(value, dict) else None,
)
def test_the_activation_is_the_cells(entry: dict[str, Any], published: type[nn.Module]) -> None:
    x = torch.randn(2, 1, 16, 16)
    one, other = (made(entry, (1, 16, 16), name) for name in ("tanh", "sigmoid"))
    kinds = {type(layer) for layer in one.modules()}
    assert ActivationLayer in kinds
    assert published not in kinds
    nudge(one)
    nudge(other)
    assert not torch.allclose(one(x), other(x))


def nudge(net: nn.Module) -> None:
    """Leave heads that start at zero, alike for nets of one kind."""
    torch.manual_seed(1)
    with torch.no_grad():
        for weight in net.parameters():
            weight.add_(torch.randn_like(weight), alpha=0.1)


@pytest.mark.parametrize(
    ("entry", "theirs"),
    [
        ({"name": "resnet", "multiplier": 1}, lambda: models.resnet18(num_classes=100)),
        (
            {"name": "efficientnet", "multiplier": 1},
            lambda: models.efficientnet_b0(num_classes=100),
        ),
        (
            {"name": "vit", "width": 64, "depth": 1, "patch": 8},
            lambda: VisionTransformer(32, 8, 1, 4, 64, 256, num_classes=100),
        ),
    ],
    ids=["resnet", "efficientnet", "vit"],
)
def test_initial_weights_are_drawn_as_torchvisions(entry: dict[str, Any], theirs: Any) -> None:
    """Means and standard deviations of every weight agree within their errors."""
    entry = {**entry, "normalisation": "batch", "stem": "large"} if "multiplier" in entry else entry
    published = dict(theirs().named_parameters())
    for name, weight in made(entry, (3, 32, 32), classes=100).named_parameters():
        mean, deviation = moments(weight)
        their_mean, their_deviation = moments(published[name])
        slack = 8 * (their_deviation + 1e-9) / weight.numel() ** 0.5
        assert deviation == pytest.approx(their_deviation, abs=slack), name
        assert mean == pytest.approx(their_mean, abs=slack), name


def moments(weight: torch.Tensor) -> tuple[float, float]:
    values = weight.detach().double()
    return float(values.mean()), float(values.std(correction=0))


def test_the_generator_decides_the_weights() -> None:
    entry = {"name": "vit", "width": 8, "depth": 1}
    one, same = made(entry, (1, 8, 8)), made(entry, (1, 8, 8))
    for a, b in zip(one.parameters(), same.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("rule", ["scaled-normal", "torch"])
def test_a_normalised_cnn_starts_by_the_rules_of_a_layered_net(rule: str) -> None:
    entry = {"name": "cnn", "width": 64, "depth": 2, "normalisation": "group"}
    architecture = TypeAdapter(Architecture).validate_python(entry)
    torch.manual_seed(0)
    factory = net(architecture, "tanh", rule, (1, 8, 8), 10)
    assert isinstance(factory, Factory)
    convolution = factory().get_submodule("1.0")
    assert isinstance(convolution, nn.Conv2d)
    assert convolution.bias is not None
    variance = (5 / 3) ** 2 if rule == "scaled-normal" else 1 / 3
    found = float(convolution.weight.detach().var()) * 9 * 64
    assert found == pytest.approx(variance, rel=6 * (2 / convolution.weight.numel()) ** 0.5)
    assert bool((convolution.bias == 0).all()) == (rule == "scaled-normal")


def test_equal_factories_are_one_key() -> None:
    architecture = TypeAdapter(Architecture).validate_python({"name": "vit", "width": 8})
    one, same = (net(architecture, "relu", "torch", (1, 8, 8), 10) for _ in range(2))
    other = net(architecture, "tanh", "torch", (1, 8, 8), 10)
    assert len({one, same, other}) == 2


def test_layers_are_given_where_there_are_some() -> None:
    for entry in ({"name": "linear"}, {"name": "mlp", "width": 2}, {"name": "cnn", "width": 2}):
        architecture = TypeAdapter(Architecture).validate_python(entry)
        made = net(architecture, "relu", "torch", (1, 8, 8), 10)
        assert isinstance(made, tuple)
        assert size(made) == architecture.parameters((1, 8, 8), 10)
