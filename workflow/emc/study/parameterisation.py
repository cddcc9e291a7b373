"""What is trained of a net: all its weights, or fewer or shorter numbers that they are made of."""

from math import prod
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field

from emc.study.architectures.family import Family, Matrix, Shape
from emc.study.strict import Count, Strict, Whole, named

FLOAT_BITS: Final = 32
"""Bits of a trainable number that is not quantised."""
LARGEST_DENSE: Final = 10**7
"""Numbers that a dense projection may have: each replica holds its own."""


class Parameterisation(Strict):
    """How a net's weights are made of the numbers that train."""

    def trainable(self, net: Family, shape: Shape, classes: int) -> int:
        """Numbers that train, of that net for inputs of `shape`."""
        return net.parameters(shape, classes)

    @property
    def bits_per_number(self) -> int:
        """Bits that hold a trainable number once it is trained."""
        return FLOAT_BITS

    def unsuitable(self, net: Family, shape: Shape, classes: int) -> str | None:  # noqa: ARG002
        """Why that net for inputs of `shape` has no such form, or None."""
        return None


class Full(Parameterisation):
    """Every parameter of the net trains."""

    name: Literal["full"]


class Subspace(Parameterisation):
    """Initial weights plus a fixed random linear map of `dimension` numbers, which start at zero.

    All maps have columns of length one, at least nearly (Li et al. 2018; Lotfi et al. 2022):
    `dense` is Gaussian; `kronecker` is the Kronecker product of two Gaussian matrices with the
    roots of its sides; `fastfood` multiplies Walsh-Hadamard transforms, random signs,
    permutations and Gaussian diagonals; `film` gives half of the numbers, at most one each, to a
    scale of every output channel's weights and a shift of every bias and norm, and the others to
    a Kronecker product over all weights.
    """

    name: Literal["subspace"]
    dimension: Count
    """Numbers that train."""
    projection: Literal["dense", "kronecker", "film", "fastfood"] = "dense"
    """The map from these numbers to the weights."""

    def trainable(self, net: Family, shape: Shape, classes: int) -> int:  # noqa: ARG002
        """The dimension."""
        return self.dimension

    def unsuitable(self, net: Family, shape: Shape, classes: int) -> str | None:
        """Why the net has no such subspace, or None."""
        parameters = net.parameters(shape, classes)
        if self.dimension > parameters:
            return f"expected at most the net's {parameters} dimensions, found {self.dimension}"
        if self.projection == "film" and self.dimension < 2:
            return "projection 'film': expected a dimension of 2 or more, found 1"
        numbers = self.dimension * parameters
        if self.projection == "dense" and numbers > LARGEST_DENSE:
            return (
                f"a dense projection of {self.dimension} x {parameters} = {numbers:.3g} numbers"
                f" exceeds {LARGEST_DENSE:.0e}: choose 'fastfood', 'kronecker' or 'film'"
            )
        return None


class LowRank(Parameterisation):
    """Initial weights plus, for each weight matrix, a product of two of that rank (LoRA).

    Weights of more than two dimensions count as a matrix with a row for each output channel.
    Matrices that have no more numbers than their factors would have, and vectors, train in full.
    """

    name: Literal["low-rank"]
    rank: Count
    """Rank of the product (Hu et al. 2022)."""

    def trainable(self, net: Family, shape: Shape, classes: int) -> int:
        """Factors, and what trains in full."""
        saved = sum(
            prod(matrix) - self.rank * sum(matrix)
            for matrix in net.matrices(shape, classes)
            if is_factored(matrix, self.rank)
        )
        return net.parameters(shape, classes) - saved

    def unsuitable(self, net: Family, shape: Shape, classes: int) -> str | None:
        """Why the rank would change nothing, or None."""
        if any(is_factored(matrix, self.rank) for matrix in net.matrices(shape, classes)):
            return None
        return f"factors of rank {self.rank} are no smaller than any of the net's matrices"


class Quantised(Parameterisation):
    """Weights rounded to few bits in every forward pass; gradients pass as if they were not.

    The codes of a tensor are whole numbers from -(2^(bits - 1) - 1) to their opposite, and its
    scale puts the largest weight on the largest code; of 1 bit, they are -1 and 1 with the mean
    absolute weight as scale (Rastegari et al. 2016). Scales, one per tensor, are not counted.
    """

    name: Literal["quantised"]
    bits: Annotated[Whole, Field(ge=1, le=16)]
    """Bits of each weight."""

    @property
    def bits_per_number(self) -> int:
        """Bits of a weight's code."""
        return self.bits


def is_factored(matrix: Matrix, rank: int) -> bool:
    """Whether two factors of that rank have fewer numbers than the matrix."""
    return rank * sum(matrix) < prod(matrix)


ParameterisationChoice = Annotated[
    Full | Subspace | LowRank | Quantised, Field(discriminator="name"), BeforeValidator(named)
]
