"""The kernels' elementary functions against float64 torch and numpy, over all they may meet."""

import ctypes
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from tests.unit.engine.native_reference import ACTIVATIONS as MODULES

from emc.activations import ACTIVATIONS
from emc.native.activation import structure_name
from emc.native.build import library

PRECISIONS = {"float32": 1.0, "float64": 1e-8}
"""How much smaller than float32's the errors may be."""
GRID = np.concatenate(
    [
        np.linspace(-100, 100, 20_001),
        np.linspace(-6, 6, 20_001),
        np.geomspace(1e-30, 1e4, 2_000),
        -np.geomspace(1e-30, 1e4, 2_000),
        [0.0, -0.0],
    ]
)
GRID = GRID[: len(GRID) // 16 * 16]

STRUCTURES = {name: structure_name(name) for name in ACTIVATIONS}

SOURCE = """
#include "activations.hpp"
#include "bends.hpp"
using namespace emc;
template <class Function>
void apply(const Real* x, Real* y, long count, Function function) {
  for (long i = 0; i < count; i += lanes) store(y + i, function(load(x + i)));
}
template <class A>
Floats slope(Floats x) { return A::slope(A::from_output ? A::value(x) : x); }
#define EXPORT(NAME, FUNCTION) \\
  extern "C" void NAME(const Real* x, Real* y, long count) { apply(x, y, count, FUNCTION); }
EXPORT(exponential_, exponential)
EXPORT(logarithm_, logarithm)
""" + "".join(
    f"EXPORT({name}_value, {name}::value)\nEXPORT({name}_slope, slope<{name}>)\n"
    for name in STRUCTURES.values()
)
SOURCE += "".join(
    f"EXPORT(bend_{part}_{name}, [](Floats x) {{ return bend<Activation::{name}>(x).{part}; }})\n"
    for name in STRUCTURES.values()
    for part in ("value", "first", "second")
)


@dataclass(frozen=True)
class Functions:
    """A precision's functions, and how much smaller than float32's their errors may be."""

    library: ctypes.CDLL
    precision: str

    @property
    def share(self) -> float:
        return PRECISIONS[self.precision]

    def call(self, name: str, x: np.ndarray) -> np.ndarray:
        x = x.astype(self.precision)
        y = np.empty_like(x)
        address = ctypes.c_void_p
        self.library[name](address(x.ctypes.data), address(y.ctypes.data), ctypes.c_long(len(x)))
        return y


@pytest.fixture(scope="module", params=PRECISIONS)
def functions(request: pytest.FixtureRequest) -> Functions:
    head = "#define EMC_DOUBLE\n" if request.param == "float64" else ""
    return Functions(ctypes.CDLL(str(library(head + SOURCE))), request.param)


def rounded(x: np.ndarray, functions: Functions) -> np.ndarray:
    """As the functions see it, in float64."""
    return x.astype(functions.precision).astype(np.float64)


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_activations_and_their_slopes(functions: Functions, name: str) -> None:
    x = torch.from_numpy(rounded(GRID, functions)).requires_grad_()
    expected = MODULES[name](x)
    (slope,) = torch.autograd.grad(expected.sum(), x)
    value, share = functions.call(f"{STRUCTURES[name]}_value", GRID), functions.share
    np.testing.assert_allclose(
        value, expected.detach().numpy(), rtol=6e-7 * share, atol=1e-7 * share
    )
    found = functions.call(f"{STRUCTURES[name]}_slope", GRID)
    np.testing.assert_allclose(found, slope.numpy(), rtol=6e-7 * share, atol=4e-7 * share)


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_bends_are_those_of_numpy(functions: Functions, name: str) -> None:
    expected, share = ACTIVATIONS[name].bent(rounded(GRID, functions)), functions.share
    for part in ("value", "first", "second"):
        wanted = getattr(expected, part)
        found = functions.call(f"bend_{part}_{STRUCTURES[name]}", GRID)
        wanted = np.zeros_like(GRID) if wanted is None else wanted
        np.testing.assert_allclose(found, wanted, rtol=2e-6 * share, atol=1e-6 * share)


def test_tanh_is_exact_to_a_few_units_in_the_last_place_near_zero(functions: Functions) -> None:
    expected = np.tanh(rounded(GRID, functions))
    found = functions.call("Tanh_value", GRID)
    np.testing.assert_allclose(found, expected, rtol=4e-7 * functions.share)


def test_exponential(functions: Functions) -> None:
    x = np.linspace(-87, 88, 160_000)
    expected = np.exp(rounded(x, functions))
    found = functions.call("exponential_", x)
    np.testing.assert_allclose(found, expected, rtol=2e-7 * functions.share)


def test_exponential_does_not_overflow(functions: Functions) -> None:
    x = np.repeat([-1e30, -88.0, 89.0, 1e30], 4)
    y = functions.call("exponential_", x)
    assert np.all(np.isfinite(y) & (y > 0))


def test_logarithm(functions: Functions) -> None:
    x, share = np.geomspace(1, 1e6, 160_000), functions.share
    expected = np.log(rounded(x, functions))
    found = functions.call("logarithm_", x)
    np.testing.assert_allclose(found, expected, rtol=2e-7 * share, atol=1e-7 * share)


@pytest.mark.parametrize("name", STRUCTURES.values())
def test_not_a_number_stays(functions: Functions, name: str) -> None:
    assert np.isnan(functions.call(f"{name}_value", np.full(16, np.nan))).all()
