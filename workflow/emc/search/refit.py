"""emc50 of many cells under many readings of their outcomes at once.

The same question as `Posterior`, and the same curves, on one fixed grid per cell with fewer
slopes: far faster, so that a database can say what each probe would have been under another budget
or at another accuracy. Medians differ from the posterior's by less than 0.1 of its half width, and
widths by a factor from 0.9 to 1.45 (one transition with slopes of 0.02 to 0.25, some 100 probes).
There are no bets: where one curve does not describe the cell, intervals can be too narrow.
"""

from typing import Final, NamedTuple

import numpy as np

from emc.search.limits import BEYOND
from emc.search.posterior import CENTRAL, UNLIKELY
from emc.search.prior import FAMILIES, SHAPE_PRIOR, curves

NODES: Final = 80
SLOPES: Final = np.geomspace(0.008, 0.8, 8, dtype=np.float32)

_CELLS_AT_ONCE: Final = 10


class Quantiles(NamedTuple):
    """Median and 95 % interval of log emc50, each float64 [cells, readings]."""

    low: np.ndarray
    median: np.ndarray
    high: np.ndarray


def refit(
    log_n: np.ndarray, fits: np.ndarray, unfitted: np.ndarray, limits: np.ndarray
) -> Quantiles:
    """The posterior of emc50 for each reading of each cell's probes.

    Args:
        log_n: log n of the probes, NaN beyond a cell's last, float [cells, probes].
        fits: 1 where a reading counts the probe as fitted, float32 [cells, readings, probes].
        unfitted: 1 where it counts it as not fitted; 0 in both leaves the probe out.
        limits: the smallest and largest n that could be tried, [cells, 2]; one cell at least.

    Log emc50 is uniform from a quarter of the smallest to four times the largest n, the slope
    uniform in its logarithm, the shape as beforehand in a search.
    """
    starts = range(0, len(log_n), _CELLS_AT_ONCE)
    blocks = [slice(start, start + _CELLS_AT_ONCE) for start in starts]
    found = [_refit(log_n[some], fits[some], unfitted[some], limits[some]) for some in blocks]
    return Quantiles(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def _refit(
    log_n: np.ndarray, fits: np.ndarray, unfitted: np.ndarray, limits: np.ndarray
) -> Quantiles:
    """The same for so few cells that all their curves fit into memory."""
    nodes = np.stack([_nodes(n, edges) for n, edges in zip(log_n, np.log(limits), strict=True)])
    sizes = np.nan_to_num(log_n).astype(np.float32)[:, :, None, None]
    centres = nodes.astype(np.float32)[:, None, None, :]
    p = curves(sizes[..., None], centres[..., None, :], SLOPES)
    flat = (*log_n.shape, SHAPE_PRIOR.size * SLOPES.size * NODES)
    weights = fits @ np.log(p).reshape(flat) + unfitted @ np.log1p(-p).reshape(flat)
    weights += np.repeat(np.log(SHAPE_PRIOR, dtype=np.float32), SLOPES.size * NODES)
    weights -= weights.max(axis=2, keepdims=True)
    apart = (*fits.shape[:2], SHAPE_PRIOR.size, SLOPES.size, NODES)
    of_shapes = np.exp(weights, out=weights).reshape(apart).sum(axis=3)
    return _quantiles(nodes, of_shapes)


def _nodes(log_n: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Ascending centres: half of them evenly over the range, half where the probes lie."""
    even = np.linspace(edges[0] - BEYOND, edges[1] + BEYOND, NODES // 2)
    tried, counts = np.unique(np.exp(log_n[np.isfinite(log_n)]), return_counts=True)
    middles = (tried[1:] + tried[:-1]) / 2
    between = np.log([tried[0] - 0.5, *middles, tried[-1] + 0.5])
    shares = (np.arange(NODES - even.size) + 0.5) / (NODES - even.size)
    cumulated = np.append(0, np.cumsum(counts)) / counts.sum()
    return np.sort(np.concatenate([even, np.interp(shares, cumulated, between)]))


def _quantiles(nodes: np.ndarray, density: np.ndarray) -> Quantiles:
    """Of piecewise constant densities [cells, readings, shapes, nodes] around the nodes.

    As in the posterior, the interval holds over all curves and over each family not unlikely.
    """
    middles = (nodes[:, 1:] + nodes[:, :-1]) / 2
    edges = np.concatenate([nodes[:, :1], middles, nodes[:, -1:]], axis=1)
    mass = density * np.diff(edges)[:, None, None, :]
    low, median, high = _central(edges, mass.sum(axis=2))
    for family in FAMILIES:
        own = mass[:, :, family].sum(axis=2)
        likely = own.sum(axis=2) > UNLIKELY * mass.sum(axis=(2, 3))
        first, _, last = _central(edges, np.where(likely[:, :, None], own, 1.0))
        low = np.where(likely, np.minimum(low, first), low)
        high = np.where(likely, np.maximum(high, last), high)
    return Quantiles(low, median, high)


def _central(edges: np.ndarray, mass: np.ndarray) -> list[np.ndarray]:
    """Quantiles at the levels of an interval, each [cells, readings]."""
    cumulated = np.cumsum(mass, axis=2, dtype=np.float64)
    cumulated /= cumulated[:, :, -1:]
    return [_quantile(edges, cumulated, level) for level in CENTRAL]


def _quantile(edges: np.ndarray, cumulated: np.ndarray, level: float) -> np.ndarray:
    place = np.argmax(cumulated >= level, axis=2)[:, :, None]
    above = np.take_along_axis(cumulated, place, axis=2)
    before = np.take_along_axis(cumulated, np.maximum(place - 1, 0), axis=2)
    below = np.where(place > 0, before, 0.0)
    start = np.take_along_axis(edges[:, None, :], place, axis=2)
    end = np.take_along_axis(edges[:, None, :], place + 1, axis=2)
    found = start + (end - start) * (level - below) / (above - below)
    return np.asarray(found[:, :, 0])
