"""Weights rounded to a few bits, with the gradient of weights that are not."""

from torch import Tensor

_SMALLEST = 1e-30
"""Of a scale: a tensor of zeros has none."""


def quantised(weight: Tensor, bits: int) -> Tensor:
    """A tensor on its grid of codes times a scale; the derivative is the identity.

    Symmetric and one scale per tensor: codes up to 2^(bits - 1) - 1, the scale that of the largest
    absolute weight (Krishnamoorthi 2018, section 2.2); for 1 bit, codes -1 and 1 and the mean
    absolute weight (Rastegari et al. 2016). The straight-through gradient is that of Bengio et al.
    2013. Codes are found in float32, so that a copy of the weights in float64 has the same ones.
    """
    exact = weight.detach().float()
    if bits == 1:
        nearest = exact.abs().mean() * (1.0 - 2.0 * (exact < 0))
    else:
        largest = 2.0 ** (bits - 1) - 1
        scale = (exact.abs().amax() / largest).clamp(min=_SMALLEST)
        nearest = (exact / scale).round() * scale
    return nearest.to(weight.dtype) + (weight - weight.detach())
