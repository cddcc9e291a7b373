"""The kernels' elementary functions against float64 torch and numpy, over all they may meet."""

import ctypes

import numpy as np
import pytest
import torch
from tests.unit.engine.native_reference import ACTIVATIONS as MODULES

from emc.engine.native.build import library
from emc.engine.native.source import ACTIVATIONS

GRID = np.concatenate(
    [
        np.linspace(-100, 100, 20_001),
        np.linspace(-6, 6, 20_001),
        np.geomspace(1e-30, 1e4, 2_000),
        -np.geomspace(1e-30, 1e4, 2_000),
        [0.0, -0.0],
    ]
).astype(np.float32)
GRID = GRID[: len(GRID) // 16 * 16]

SOURCE = """
#include "activations.hpp"
using namespace emc;
template <class Function>
void apply(const float* x, float* y, long count, Function function) {
  for (long i = 0; i < count; i += lanes) store(y + i, function(load(x + i)));
}
template <class A>
Floats slope(Floats x) { return A::slope(A::from_output ? A::value(x) : x); }
#define EXPORT(NAME, FUNCTION) \\
  extern "C" void NAME(const float* x, float* y, long count) { apply(x, y, count, FUNCTION); }
EXPORT(exponential_, exponential)
EXPORT(logarithm_, logarithm)
""" + "".join(
    f"EXPORT({name}_value, {name}::value)\nEXPORT({name}_slope, slope<{name}>)\n"
    for name in ACTIVATIONS.values()
)


@pytest.fixture(scope="module")
def functions() -> ctypes.CDLL:
    return ctypes.CDLL(str(library(SOURCE)))


def call(functions: ctypes.CDLL, name: str, x: np.ndarray) -> np.ndarray:
    y = np.empty_like(x)
    address = ctypes.c_void_p
    functions[name](address(x.ctypes.data), address(y.ctypes.data), ctypes.c_long(len(x)))
    return y


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_activations_and_their_slopes(functions: ctypes.CDLL, name: str) -> None:
    x = torch.from_numpy(GRID).double().requires_grad_()
    expected = MODULES[name](x)
    (slope,) = torch.autograd.grad(expected.sum(), x)
    value = call(functions, f"{ACTIVATIONS[name]}_value", GRID)
    np.testing.assert_allclose(value, expected.detach().numpy(), rtol=6e-7, atol=1e-7)
    found = call(functions, f"{ACTIVATIONS[name]}_slope", GRID)
    np.testing.assert_allclose(found, slope.numpy(), rtol=6e-7, atol=4e-7)


def test_tanh_is_exact_to_a_few_units_in_the_last_place_near_zero(functions: ctypes.CDLL) -> None:
    expected = np.tanh(GRID.astype(np.float64))
    np.testing.assert_allclose(call(functions, "Tanh_value", GRID), expected, rtol=4e-7)


def test_exponential(functions: ctypes.CDLL) -> None:
    x = np.linspace(-87, 88, 160_000).astype(np.float32)
    np.testing.assert_allclose(
        call(functions, "exponential_", x), np.exp(x.astype(np.float64)), rtol=2e-7
    )


def test_exponential_does_not_overflow(functions: ctypes.CDLL) -> None:
    x = np.repeat(np.array([-1e30, -88.0, 89.0, 1e30], np.float32), 4)
    y = call(functions, "exponential_", x)
    assert np.all(np.isfinite(y) & (y > 0))


def test_logarithm(functions: ctypes.CDLL) -> None:
    x = np.geomspace(1, 1e6, 160_000).astype(np.float32)
    np.testing.assert_allclose(
        call(functions, "logarithm_", x), np.log(x.astype(np.float64)), rtol=2e-7, atol=1e-7
    )


@pytest.mark.parametrize("name", ACTIVATIONS.values())
def test_not_a_number_stays(functions: ctypes.CDLL, name: str) -> None:
    assert np.isnan(call(functions, f"{name}_value", np.full(16, np.nan, np.float32))).all()
