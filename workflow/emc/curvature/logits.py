"""The loss as a function of the logits: value, gradient and Hessian, sample by sample."""

from typing import Protocol

import numpy as np

from emc.curvature.objective import Objective


class LogitLoss(Protocol):
    """A loss at some logits, each sample's share of the mean over all samples.

    `value` is the sum of the shares; `gradient` is [classes, samples].
    """

    value: float
    gradient: np.ndarray

    def curve(self, tangents: np.ndarray) -> np.ndarray:
        """Each sample's Hessian times its tangents, [classes, samples] or [classes, m, samples]."""

    def root(self, numbers: np.ndarray) -> np.ndarray:
        """Each sample's R times its numbers [classes, samples], where R R' is its Hessian."""


def logit_loss(
    objective: Objective, logits: np.ndarray, labels: np.ndarray, total: int
) -> LogitLoss:
    """The loss at float64 logits [classes, samples], as shares of a mean over `total` samples."""
    if objective.named_loss == "squared-error":
        return _SquaredError(logits, labels, total)
    return _CrossEntropy(logits, labels, total, objective.label_smoothing)


class _CrossEntropy:
    def __init__(
        self, logits: np.ndarray, labels: np.ndarray, total: int, smoothing: float
    ) -> None:
        own = (labels, np.arange(len(labels)))
        shifted = logits - logits.max(axis=0)
        exponentials = np.exp(shifted)
        sums = exponentials.sum(axis=0)
        log_p = shifted - np.log(sums)
        targets = (1 - smoothing) * log_p[own].sum() + smoothing * log_p.mean(axis=0).sum()
        self.value = -float(targets) / total
        self._p = exponentials / sums
        self._total = total
        self.gradient = (self._p - smoothing / len(logits)) / total
        # The label's entry is minus the sum of the others: p - 1 would lose its digits near a fit.
        self.gradient[own] = 0
        self.gradient[own] = -self.gradient.sum(axis=0)

    def curve(self, tangents: np.ndarray) -> np.ndarray:
        p = self._p if tangents.ndim == 2 else self._p[:, None]
        weighted: np.ndarray = p * tangents
        weighted -= p * weighted.sum(axis=0)
        weighted /= self._total
        return weighted

    def root(self, numbers: np.ndarray) -> np.ndarray:
        roots: np.ndarray = np.sqrt(self._p) * numbers
        roots -= self._p * roots.sum(axis=0)
        roots /= self._total**0.5
        return roots


class _SquaredError:
    def __init__(self, logits: np.ndarray, labels: np.ndarray, total: int) -> None:
        classes = len(logits)
        error = logits - np.eye(classes)[:, labels]
        self._scale = 2 / (classes * total)
        self.value = float((error * error).sum()) * self._scale / 2
        self.gradient = self._scale * error

    def curve(self, tangents: np.ndarray) -> np.ndarray:
        return self._scale * tangents

    def root(self, numbers: np.ndarray) -> np.ndarray:
        roots: np.ndarray = self._scale**0.5 * numbers
        return roots
