"""What steps one net: an optimizer of torch, or a rule for stacked parameters as one of torch's.

To the rule, one replica is a stack of height one.
"""

from collections.abc import Collection
from typing import Any

import numpy as np
import torch
from torch import nn

from emc.engine import optimizer
from emc.engine.rows import rows, tensors


def one_replica(
    known: optimizer.Optimizer, parameters: list[nn.Parameter], lr: float, head: Collection[int]
) -> torch.optim.Optimizer:
    """What steps one net: the optimizer's reference, or else its rule.

    Raises:
        EmcError: the optimizer does not suit such parameters.
    """
    reference = known.reference(parameters, lr, head)
    return OneReplica(parameters, known, head) if reference is None else reference


class OneReplica(torch.optim.Optimizer):
    """Steps all its parameters together, at the rate `lr` of its group."""

    def __init__(
        self,
        parameters: list[nn.Parameter],
        known: optimizer.Optimizer,
        head: Collection[int] = (),
    ) -> None:
        """Take the parameters in the net's order; `head` has the places of those of the logits.

        Raises:
            EmcError: the optimizer does not suit them.
        """
        super().__init__(parameters, {"lr": 0.0})
        self._known, self._shapes = known, [tuple(p.shape) for p in parameters]
        self._rule = known.rule(self._shapes, head)

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:  # noqa: ARG002
        """Take a step by the parameters' gradients; a parameter without one has none."""
        (group,) = self.param_groups
        parameters = group["params"]
        weights = rows([p[None] for p in parameters])
        gradient = rows(
            [torch.zeros_like(p)[None] if p.grad is None else p.grad[None] for p in parameters]
        )
        gradient = self._known.with_decay(gradient, weights)
        kept = self.state[parameters[0]]
        if not kept:
            kept["step"] = 0
            kept["rows"] = [weights.new_zeros(1, length) for length in self._rule.lengths]
        scalars = self._known.step_scalars(np.array([group["lr"]]), kept["step"])
        stepped, kept["rows"] = self._rule(
            weights, kept["rows"], gradient, torch.from_numpy(scalars).to(weights.device)
        )
        kept["step"] += 1
        for p, new in zip(parameters, tensors(stepped, self._shapes), strict=True):
            p.copy_(new.view_as(p))
