"""Projections against matrices written out, and what all of them have in common."""

from math import ceil

import numpy as np
import pytest
import torch
from scipy.linalg import hadamard
from torch import Tensor, nn

from emc.nets.projection import (
    PROJECTIONS,
    DenseProjection,
    Fastfood,
    Film,
    Kronecker,
    walsh_hadamard,
)

SIZES = [(1, 1), (1, 40), (7, 7), (13, 17), (16, 16), (5, 200), (33, 1000)]


def weights(many: int) -> list[Tensor]:
    """A vector alone, or a matrix, a stack of filters and a vector."""
    torch.manual_seed(many)
    if many < 40:
        return [torch.randn(many)]
    shapes = [(2, 5), (2, 3, 2, 1), (many - 22,)]
    return [torch.randn(shape) for shape in shapes]


def matrix(projection: nn.Module, few: int) -> np.ndarray:
    """The map as [many, few], column by column in one call."""
    columns: Tensor = torch.func.vmap(projection)(torch.eye(few))
    return columns.T.numpy().astype(float)


@pytest.mark.parametrize("length", [1, 2, 8, 64])
def test_the_transform_is_the_hadamard_matrix(length: int) -> None:
    x = torch.randn(3, length, dtype=torch.double)
    np.testing.assert_allclose(walsh_hadamard(x), x.numpy() @ hadamard(length), atol=1e-12)


@pytest.mark.parametrize(("few", "many"), SIZES)
@pytest.mark.parametrize("name", PROJECTIONS)
def test_sizes_and_linearity(name: str, few: int, many: int) -> None:
    if name == "film" and few == 1:
        pytest.skip("refused in a study")
    projection = PROJECTIONS[name](few, weights(many))
    written = matrix(projection, few)
    assert written.shape == (many, few)
    z = torch.randn(few)
    np.testing.assert_allclose(projection(z), written @ z.numpy(), atol=1e-4)


@pytest.mark.parametrize("name", PROJECTIONS)
def test_columns_are_nearly_orthonormal(name: str) -> None:
    few, many = 24, 6000
    written = matrix(PROJECTIONS[name](few, [torch.randn(20, 200), torch.randn(2000)]), few)
    gram = written.T @ written
    np.testing.assert_allclose(np.diag(gram), 1, atol=0.05)
    off = gram[~np.eye(few, dtype=bool)]
    # Independent directions have a cosine of standard deviation 1 / sqrt(many); those of a
    # Kronecker product share a factor of sqrt(many) numbers.
    structured = name in {"kronecker", "film"}
    assert np.abs(off).mean() < (2 / many**0.25 if structured else 3 / many**0.5)
    assert np.linalg.matrix_rank(written) == few


def test_dense_columns_have_length_one() -> None:
    lengths = np.linalg.norm(matrix(DenseProjection(3, [torch.zeros(50)]), 3), axis=0)
    np.testing.assert_allclose(lengths, 1, rtol=1e-6)


@pytest.mark.parametrize(("few", "many"), SIZES)
def test_kronecker_is_the_product(few: int, many: int) -> None:
    made = Kronecker(few, [torch.zeros(many)])
    product = np.kron(made.get_buffer("a").numpy(), made.get_buffer("b").numpy())
    np.testing.assert_allclose(matrix(made, few), product[:many, :few], atol=1e-6)


@pytest.mark.parametrize(("few", "many"), SIZES)
def test_fastfood_is_the_product(few: int, many: int) -> None:
    made = Fastfood(few, [torch.zeros(many)])
    parts = (made.get_buffer(name).numpy() for name in ("signs", "order", "gains"))
    blocks = []
    for signs, order, gains in zip(*parts, strict=True):
        h = hadamard(len(signs)).astype(float)
        blocks.append(h @ np.diag(gains) @ np.eye(len(signs))[order] @ h @ np.diag(signs))
    assert len(blocks) == ceil(many / len(blocks[0]))
    np.testing.assert_allclose(matrix(made, few), np.vstack(blocks)[:many, :few], atol=1e-5)


def test_film_steers_channels_and_vectors() -> None:
    weight, bias = torch.randn(3, 2, 2), torch.randn(3)
    weight[1] = 0
    made = Film(14, [weight, bias])
    written = matrix(made, 14)[:, :6]
    expected = np.zeros((15, 6))
    for channel in range(3):
        along = weight[channel].flatten()
        along = torch.ones(4) if channel == 1 else along
        expected[4 * channel : 4 * channel + 4, channel] = along / along.norm()
        expected[12 + channel, 3 + channel] = 1
    np.testing.assert_allclose(written, expected, atol=1e-6)
    np.testing.assert_allclose(matrix(made, 14)[:, 6:], matrix(made.rest, 8), atol=1e-6)


def test_film_of_few_numbers_moves_all_factors() -> None:
    made = Film(4, [torch.randn(30, 5), torch.randn(30)])
    steered = matrix(made, 4)[:, :2]
    assert (np.abs(steered).max(axis=1) > 0).all()
    assert np.linalg.matrix_rank(steered) == 2


@pytest.mark.parametrize("name", PROJECTIONS)
def test_the_generator_decides(name: str) -> None:
    def made(seed: int) -> np.ndarray:
        torch.manual_seed(seed)
        return matrix(PROJECTIONS[name](6, [torch.ones(5, 5), torch.ones(3)]), 6)

    np.testing.assert_array_equal(made(1), made(1))
    assert not np.allclose(made(1), made(2))
