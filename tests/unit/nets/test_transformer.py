"""The sizes of vision transformers, held against the modules that their factories make."""

from dataclasses import replace
from typing import Any

import pytest

from emc.nets.build import Factory, as_known, net, size
from emc.nets.transformer import Transformer
from emc.study.activation import PluginActivation
from emc.study.architectures import MlpMixer, Vit


def factory(shape: tuple[int, ...] = (1, 8, 8), **sizes: Any) -> Factory:
    made = net(Vit(name="vit", **{"width": 4, **sizes}), "tanh", "torch", shape, 5)
    assert isinstance(made, Factory)
    return made


@pytest.mark.parametrize(
    "made",
    [
        factory(),
        factory(depth=1, patch=8),
        factory(shape=(3, 12, 12), width=9, depth=3, heads=3, patch=3),
        factory(shape=(2, 3, 3), width=5, depth=2, heads=1, patch=1),
    ],
    ids=lambda made: str(made.shape),
)
def test_names_shapes_and_their_order_are_the_modules(made: Factory) -> None:
    found = as_known(made)
    assert found is not None
    expected = {name: tuple(weight.shape) for name, weight in made().named_parameters()}
    assert list(found.shapes.items()) == list(expected.items())
    assert found.size == size(made)


def test_sizes_are_the_architectures() -> None:
    made = factory(shape=(3, 12, 12), width=9, depth=3, heads=3, patch=4)
    assert as_known(made) == Transformer(3, 12, 4, 3, 9, 3, "tanh", 5)
    assert as_known(made).tokens == 10


@pytest.mark.parametrize(
    "other",
    [
        None,
        factory().__call__,
        replace(factory(), architecture=MlpMixer(name="mlp-mixer", width=4)),
        replace(factory(), activation=PluginActivation.model_construct(name="mine")),
        replace(factory(), shape=(1, 8, 12)),
        replace(factory(), shape=(1, 9, 9)),
    ],
)
def test_other_factories_have_none(other: object) -> None:
    assert as_known(other) is None
