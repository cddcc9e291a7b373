"""Nets of made-up studies, and what their answers have in common."""

import math

NETS = [{"name": "mlp", "width": width, "depth": 2} for width in (2, 4, 8)]
UNBOUNDED = {"saturated": False, "samples_available": 10**9}


def jitter(cell) -> float:
    """A few per cent that differ from cell to cell and average out."""
    return 1 + 0.02 * math.sin(7 * cell.seed + len(cell.activation) + cell.parameters)
