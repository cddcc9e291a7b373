"""Derivatives of activations against torch's."""

import numpy as np
import pytest
import torch
from torch.func import grad, vmap

from emc.activations import ACTIVATIONS
from emc.nets.activation import FUNCTIONS


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_value_and_derivatives_are_torch_s(name: str) -> None:
    z = np.concatenate([np.linspace(-40, 40, 161), [0.0, -1e-9, 1e-9]])
    function = FUNCTIONS[name]
    tensor = torch.from_numpy(z)
    bent = ACTIVATIONS[name].bent(z)
    np.testing.assert_allclose(bent.value, function(tensor), rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(bent.first, vmap(grad(function))(tensor), rtol=1e-12, atol=1e-15)
    second = np.zeros_like(z) if bent.second is None else bent.second
    expected = vmap(grad(grad(function)))(tensor)
    np.testing.assert_allclose(second, expected, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("width", [1e-3, 0.5])
def test_a_rounded_kink_is_smooth_and_near_the_sharp_one(name: str, width: float) -> None:
    z = np.concatenate([np.linspace(-40, 40, 161), [0.0, -1e-9, 1e-9, width, -width]])
    activation, tensor = ACTIVATIONS[name], torch.from_numpy(z)

    def function(x: torch.Tensor) -> torch.Tensor:
        rounded_off = ((x**2 + width**2) ** 0.5 - abs(x)) / 2
        return FUNCTIONS[name](x) + activation.jump * rounded_off

    rounded, sharp = activation.rounded(z, width), activation.bent(z)
    np.testing.assert_allclose(rounded.value, function(tensor), rtol=1e-12, atol=1e-15)
    apart = np.flatnonzero(z)
    slopes = vmap(grad(function))(tensor)
    np.testing.assert_allclose(rounded.first[apart], slopes[apart], rtol=1e-9, atol=1e-14)
    excess = rounded.value - sharp.value
    assert (excess >= 0).all()
    assert excess.max() == pytest.approx(activation.jump * width / 2, abs=1e-15)
    if activation.jump:
        assert rounded.second is not None
        bends = vmap(grad(grad(function)))(tensor)
        np.testing.assert_allclose(rounded.second[apart], bends[apart], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_float32_stays_float32(name: str) -> None:
    bent = ACTIVATIONS[name].bent(np.linspace(-3, 3, 7, dtype=np.float32))
    kinds = {part.dtype for part in bent if part is not None}
    assert kinds == {np.dtype(np.float32)}


def test_selected_elements_only() -> None:
    z = np.array([[-1.0, 2.0], [0.5, -3.0]])
    everywhere = ACTIVATIONS["tanh"].bent(z)
    some = everywhere.at(np.array([3, 0]))
    np.testing.assert_array_equal(some.value, np.tanh([-3.0, -1.0]))
    assert some.second is not None
    np.testing.assert_array_equal(some.second, everywhere.second.ravel()[[3, 0]])  # type: ignore[union-attr]
