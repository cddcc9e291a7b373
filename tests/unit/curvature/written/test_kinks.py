"""Kinks against gradients on both sides of them."""

import numpy as np
import pytest
from tests.unit.curvature.nets import PLAIN, cnn, mlp, parameters, samples

from emc.curvature import WrittenOperator
from emc.curvature.written import kinks as module
from emc.curvature.written.kinks import LayerKinks
from emc.nets.layers import Dense, Layers

NETS = {
    "relu": mlp("relu"),
    "leaky-relu": mlp("leaky-relu"),
    "pooled relu": cnn("relu"),
    "pooled leaky-relu": cnn("leaky-relu"),
    "pooled tanh": cnn("tanh"),
    "pooled gelu": cnn("gelu"),
}


def operator(layers: Layers) -> WrittenOperator:
    shape = (6,) if isinstance(layers[0], Dense) else (2, 7, 9)
    return WrittenOperator(layers, parameters(layers), *samples(60, *shape), PLAIN)


def onto(kinks: LayerKinks, x: np.ndarray, place: np.ndarray) -> np.ndarray:
    """The point by Newton's method where one kink's value is zero."""
    for _ in range(6):
        kink = kinks.look(x, place)
        if not kink.normals.any():
            break
        x = x - kink.values[0] * kink.normals[0] / (kink.normals[0] @ kink.normals[0])
    return x


@pytest.mark.parametrize("layers", NETS.values(), ids=NETS)
def test_the_gradient_jumps_by_slope_times_normal(layers: Layers) -> None:
    point = operator(layers)
    places = point.kinks.near(point.parameters, 0.05)
    looks = point.kinks.look(point.parameters, places)
    moved = np.linalg.norm(looks.normals, axis=1)
    checked = 0
    for place in places[(moved > 1e-6) & (abs(looks.slopes) > 1e-6)][:30]:
        x = onto(point.kinks, point.parameters, place[None])
        kink = point.kinks.look(x, place[None])
        if not kink.normals.any():
            continue
        aside = 1e-8 * kink.normals[0] / np.linalg.norm(kink.normals[0])
        between = point.kinks.crossed(x - aside, x + aside)
        if len(between) != 1:
            continue
        on, off = (point.at(x + side).first_order().gradient for side in (aside, -aside))
        expected = kink.slopes[0] * kink.normals[0]
        assert on - off == pytest.approx(expected, abs=1e-4 * np.linalg.norm(expected) + 1e-7)  # type: ignore[arg-type]
        sides = [point.kinks.look(x + side, place[None]).on[0] for side in (aside, -aside)]
        assert sides == [True, False]
        checked += 1
    assert checked >= 5


@pytest.mark.parametrize("activation", ["relu", "leaky-relu"])
def test_crossed_are_the_units_whose_sign_differs(activation: str) -> None:
    layers: Layers = (Dense(6, 5, True, activation), Dense(5, 4, True, "identity"))
    point, (inputs, _) = operator(layers), samples(60, 6)
    other = point.parameters + 0.3 * np.random.default_rng(0).normal(size=len(point.parameters))
    signs = []
    for x in (point.parameters, other):
        signs.append(inputs @ x[:30].reshape(5, 6).T + x[30:35] > 0)
    expected = np.argwhere(signs[0] != signs[1])
    crossed = point.kinks.crossed(point.parameters, other)
    assert sorted(map(tuple, crossed[:, 1:3])) == sorted(map(tuple, expected))
    assert set(crossed[:, 0]) == {0}
    assert set(crossed[:, 3]) == {-1}


def test_smooth_nets_have_none() -> None:
    point = operator(mlp("tanh"))
    assert not point.kinks.any
    assert point.kinks.near(point.parameters, 10.0).shape == (0, 4)


def test_only_one_hidden_layer_has_no_kinks_above_kinks() -> None:
    one: Layers = (Dense(6, 5, True, "relu"), Dense(5, 4, True, "identity"))
    assert operator(one).kinks.additive
    assert not operator(mlp("relu")).kinks.additive
    assert not operator(cnn("relu")).kinks.additive


@pytest.mark.parametrize("layers", NETS.values(), ids=NETS)
def test_many_are_looked_at_part_by_part(layers: Layers, monkeypatch: pytest.MonkeyPatch) -> None:
    point = operator(layers)
    places = point.kinks.near(point.parameters, 0.5)
    together = point.kinks.look(point.parameters, places)
    monkeypatch.setattr(module, "CHUNK_BYTES", 1)
    assert len(places) > 4
    for whole, parts in zip(together, point.kinks.look(point.parameters, places), strict=True):
        assert parts == pytest.approx(whole, abs=1e-12)


def test_windows_over_an_even_background_do_not_tie() -> None:
    """All of them have equal outputs, whatever the parameters are, so no parameter moves them."""
    layers = cnn("tanh")
    inputs, labels = samples(20, 2, 7, 9)
    inputs[:, :, 2:] = 0.25
    point = WrittenOperator(layers, parameters(layers), inputs, labels, PLAIN)
    places = point.kinks.near(point.parameters, 1e-4)
    assert not len(places[places[:, 0] == 0])
    inputs[:, :, 2:] += 1e-6 * np.random.default_rng(0).normal(size=inputs[:, :, 2:].shape)
    almost = WrittenOperator(layers, parameters(layers), inputs, labels, PLAIN)
    places = almost.kinks.near(almost.parameters, 1e-4)
    assert len(places[places[:, 0] == 0])
