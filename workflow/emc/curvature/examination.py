"""A net examined on a few of its rows: what it takes, and how it may be differentiated."""

import numpy as np
import torch
from torch import Tensor

from emc.curvature.functional import DifferentiatedNet, TensorDict
from emc.curvature.row_losses import Rows
from emc.error_texts import says_mixed_precision, says_no_indices
from emc.errors import EmcError, with_kind
from emc.nets.inspection import REMEMBERS, Behaviour, behaviour, few_different


class NetExamination:
    """What a few `rows` say of a net at a point: its `classes`, and whether rows `mixes`.

    Integers are given to the net as they are if it takes them (an embedding does), and otherwise
    as floating-point numbers of the same value.
    """

    def __init__(
        self,
        net: DifferentiatedNet,
        parameters: np.ndarray,
        constants: TensorDict,
        inputs: np.ndarray,
    ) -> None:
        """Call the net.

        Raises:
            EmcError: there are no rows, or the net cannot take them, draws random numbers, or
                changes a buffer or its inputs.
        """
        if len(inputs) == 0:
            raise EmcError("data: expected at least one sample, found none")
        self._net = net
        self._point = net.named(parameters)
        net.load({**self._point, **constants})
        self._constants = constants
        self.rows, seen = self._tried(inputs)
        self.mixes = seen.mixes
        self.classes = seen.shape[-1]
        self._check(seen)

    def taken(self, inputs: np.ndarray) -> Tensor:
        """Inputs [n, *shape] on the net's device, in the type that it takes."""
        tensor = torch.tensor(np.ascontiguousarray(inputs), device=self._net.device)
        return tensor.to(self.rows.dtype)

    def _tried(self, inputs: np.ndarray) -> tuple[Tensor, Behaviour]:
        given = self._net.cast(few_different(torch.tensor(np.ascontiguousarray(inputs))))
        floating = self._net.cast(given.double())
        errors: list[Exception] = []
        for rows in (given,) if given.is_floating_point() else (given, floating):
            try:
                return rows, self._behaviour(rows)
            except (EmcError, MemoryError, torch.OutOfMemoryError):
                raise
            except Exception as error:
                errors.append(error)
        how = "; as floating-point numbers: ".join(map(with_kind, errors))
        mode = "training" if self._net.training else "evaluation"
        raise EmcError(
            f"{self._net.kind} fails in {mode} mode on inputs of shape {tuple(given.shape)}: {how}"
            f"{self._hint(errors[-1])}"
        ) from errors[0]

    def _hint(self, error: Exception) -> str:
        """What helps against the usual slips of types."""
        if says_no_indices(error):
            return ": give whole numbers below the length of the table, or begin with `x.long()`"
        if says_mixed_precision(error) and self._net.precision == "float64":
            return (
                ": in float64 it goes on with float32 numbers of its own: make them by"
                " `torch.zeros(..., dtype=x.dtype)`, and write `x.to(weight.dtype)` for `x.float()`"
            )
        return ""

    def _behaviour(self, rows: Tensor) -> Behaviour:
        """The net's answer is looked at first: what is no tensor is no behaviour."""
        given = rows.clone()
        with self._net.arithmetic():
            self._net.logits(self._point, self._constants, given)
        if not torch.equal(given, rows):
            raise EmcError(
                f"{self._net.kind} changes its inputs in place: its first operation must make a new"
                " tensor, as ReLU(inplace=False) does"
            )
        with self._net.arithmetic():
            return behaviour(self._net.module, rows, training=self._net.training)

    def _check(self, seen: Behaviour) -> None:
        kind = self._net.kind
        mode = "training" if self._net.training else "evaluation"
        if seen.draws:
            raise EmcError(
                f"{kind} draws random numbers in {mode} mode (from {', '.join(seen.draws)}): its"
                " loss is not a function of its weights"
            )
        if seen.remembers:
            raise EmcError(f"{kind} {REMEMBERS}: its loss is not a function of its weights")
        if seen.changes:
            raise EmcError(f"{kind} changes its buffer {seen.changes[0]!r} in {mode} mode")

    def differentiate(self) -> None:
        """See that the loss of these rows, of class 0, can be differentiated twice.

        Raises:
            EmcError: it cannot.
        """
        rows = len(self.rows)
        labels = torch.zeros(rows, dtype=torch.long, device=self._net.device)
        shares = torch.full((rows,), 1 / rows, dtype=torch.double, device=self._net.device)
        self._net.check_dependence(self._point, self._constants, self.rows)
        self._net.try_derivatives(self._point, self._constants, Rows(self.rows, labels, shares))
