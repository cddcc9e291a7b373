"""Quantised weights: on their grid, with the gradient of weights that are not."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from emc.nets.quantiser import quantised

_weights = st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=30).map(torch.tensor)


@given(_weights, st.integers(2, 16))
def test_values_are_the_nearest_of_a_symmetric_grid(weight: torch.Tensor, bits: int) -> None:
    found = quantised(weight, bits).double()
    largest = 2 ** (bits - 1) - 1
    scale = float(weight.abs().max()) / largest
    if scale < 1e-30:
        assert float((found - weight).abs().max()) <= 1e-30
        return
    codes = found / scale
    assert float((codes - codes.round()).abs().max()) <= 1e-6 * largest
    assert float(codes.abs().max()) <= largest * (1 + 1e-6)
    assert float((found - weight).abs().max()) <= scale * (0.5 + 1e-5 * largest)


@given(_weights)
def test_one_bit_is_the_sign_times_the_mean(weight: torch.Tensor) -> None:
    found = quantised(weight, 1).numpy()
    mean = np.abs(weight.numpy()).mean()
    np.testing.assert_allclose(found, np.where(weight.numpy() < 0, -mean, mean), rtol=1e-5)


@pytest.mark.parametrize("bits", [1, 2, 3, 8, 16])
def test_there_are_no_more_values_than_codes(bits: int) -> None:
    weight = torch.linspace(-1, 1, 100_001)
    assert len(quantised(weight, bits).unique()) == max(2, 2**bits - 1)


# Torch scripts its own forward rules at first use, and warns of that.
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:FutureWarning")
@pytest.mark.parametrize("bits", [1, 2, 8])
def test_gradients_and_tangents_pass(bits: int) -> None:
    weight, direction = torch.randn(20), torch.randn(20)
    gradient = torch.func.grad(lambda w: (quantised(w, bits) * direction).sum())(weight)
    torch.testing.assert_close(gradient, direction)
    moved, tangent, *_ = torch.func.jvp(lambda w: quantised(w, bits), (weight,), (direction,))
    torch.testing.assert_close(tangent, direction)
    torch.testing.assert_close(moved, quantised(weight, bits), rtol=0, atol=0)


@pytest.mark.parametrize("bits", [2, 5, 16])
def test_a_copy_in_float64_has_the_same_values(bits: int) -> None:
    weight = torch.randn(10_000)
    copy = quantised(weight.double(), bits)
    assert copy.dtype == torch.double
    np.testing.assert_array_equal(copy.numpy(), quantised(weight, bits).double().numpy())


@pytest.mark.parametrize("bits", [1, 2, 8])
def test_zeros_stay_zeros(bits: int) -> None:
    assert not quantised(torch.zeros(4), bits).any()


@pytest.mark.parametrize("bits", [1, 4])
def test_stacked_tensors_have_a_scale_each(bits: int) -> None:
    stack = torch.randn(3, 5, 4) * torch.tensor([1.0, 10.0, 100.0])[:, None, None]
    together = torch.func.vmap(lambda w: quantised(w, bits))(stack)
    for one, expected in zip(together, stack, strict=True):
        torch.testing.assert_close(one, quantised(expected, bits))
