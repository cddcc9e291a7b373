"""From where training stopped to a minimum: which procedures can be followed, and how."""

from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from emc.curvature.endpoint import EndPoint, operator_at
from emc.curvature.operator import Operator
from emc.curvature.parameters import NamedShapes, unflatten
from emc.data.labelling import Drawn
from emc.engine.procedure import Procedure, Replica, TrainedRun
from emc.errors import EmcError
from emc.finish import FinishSettings, finish
from emc.measurement.objective import objective, seed_constants
from emc.measurement.source import Source
from emc.nets.layers import layer_shapes
from emc.nets.traced_module import TracedModule
from emc.records import Ended, Finish
from emc.store.journal import Parameters
from emc.study.cell import Cell
from emc.study.parameterisation import Quantised
from emc.study.training import DEFAULT_STEPS
from emc.study.training import Finish as FinishKeys

LEAST: Final = 32 * DEFAULT_STEPS
"""Gradients of single samples of a training that effort is measured by at least."""

_LOOKED_AT: Final = 64
"""Samples on which a net is looked at for jumps."""
_NETS: Final = 20
"""Fresh nets that are, at most: the first with a gradient in each parameter ends it."""


@dataclass(frozen=True, slots=True)
class Finishing:
    """How the unfitted probes of a procedure are finished; `refused` says why they are not, or
    None.

    A finish takes at most `effort` times as many gradients of single samples as the training did,
    or as `LEAST` where it took fewer: a short training leaves more to do, not less.

    Layered nets are differentiated on the processor, all other nets by torch on `device`.
    """

    trained: Procedure
    settings: FinishSettings
    effort: float
    device: str
    shapes: NamedShapes = field(repr=False)
    refused: str | None

    def finished(self, replica: Replica, run: TrainedRun) -> tuple[Finish | None, Parameters]:
        """What the finish made of a run, and where it ended, float64 by name.

        A run that fitted or diverged is left where it is, as is every run where the finish is
        refused.

        Raises:
            EmcError: the objective cannot be differentiated where training stopped.
        """
        if self.refused or run.ended in {Ended.FIT, Ended.DIVERGED}:
            return None, run.parameters
        operator = self.operator(replica, run)
        passes = self.effort * max(run.numbers.gradient_evaluations, LEAST) / replica.n
        settings = replace(self.settings, passes=passes)
        done = finish(operator, criterion=self.trained.criterion, settings=settings)
        return done.record, {**run.parameters, **unflatten(self.shapes, done.parameters)}

    def operator(self, replica: Replica, run: TrainedRun) -> Operator:
        """What a finish descends, where training stopped."""
        end = EndPoint(
            parameters=run.parameters,
            inputs=replica.inputs[replica.rows],
            labels=replica.labels,
            plateau=run.plateau,
            seed=replica.seed,
            constants=seed_constants(self.trained, replica.seed),
        )
        return operator_at(self.trained.net, end, objective(self.trained), device=self.device)


def finishing(
    trained: Procedure, source: Source, asked: FinishKeys, otherwise: str | None, device: str
) -> Finishing:
    """How the unfitted probes of a procedure are finished, as its study asks.

    `otherwise` says why the procedure minimises something else than its training loss, or None. A
    net that is not layered is tried on some samples.
    """
    refused = otherwise
    if not asked.iterations:
        refused = "none is asked for (finish.iterations: 0)"
    elif refused is None and trained.layers is None:
        few, some = (source.draw(min(n, source.available), 0) for n in (2, _LOOKED_AT))
        refused = _refusal_of_net(trained, few, device) or _jump(trained, some, device)
    settings = FinishSettings(
        gradient=asked.gradient,
        iterations=asked.iterations,
        escapes=asked.escapes,
        rounding=asked.rounding,
    )
    return Finishing(trained, settings, asked.effort, device, _shapes(trained), refused)


def _shapes(trained: Procedure) -> NamedShapes:
    """Names and shapes of what trains, in the order of an operator's parameters."""
    if trained.layers is not None:
        return layer_shapes(trained.layers)
    if isinstance(trained.module, TracedModule) and trained.module.net is not None:
        return dict(trained.module.shapes)
    from emc.engine.fresh import fresh

    named = fresh(trained, 0).named_parameters()
    return {name: tuple(value.shape) for name, value in named if value.requires_grad}


def minimises_otherwise(cell: Cell) -> str | None:
    """Why a cell's procedure minimises something else than its training loss, or None."""
    if isinstance(cell.parameterisation, Quantised):
        return "quantised weights jump: their loss has no gradient to follow"
    return cell.optimizer.minimises_otherwise


def _refusal_of_net(trained: Procedure, some: Drawn, device: str) -> str | None:
    """Why the net's training loss is not that of its evaluation, or cannot be differentiated.

    Raises:
        EmcError: the net cannot take the samples, or answers something else than logits.
    """
    import torch

    from emc.engine.fresh import check_logits, fresh, weights
    from emc.nets.inspection import behaviour

    net = fresh(trained, 0).to(device)
    inputs = np.ascontiguousarray(some.inputs[some.rows])
    x = torch.from_numpy(inputs).to(device)
    check_logits(net, x, trained.classes)
    found = behaviour(net, x, training=True)
    if found.draws:
        return "the net draws random numbers while it trains (dropout or the like)"
    if found.mixes or found.changes:
        return "the net's rows depend on one another while it trains (batch normalisation)"
    end = EndPoint(weights(net), inputs, some.labels, 0.0, 0, seed_constants(trained, 0))
    try:
        operator = operator_at(trained.net, end, objective(trained), device=device)
        operator.products(operator.first_order().gradient[None])
    except EmcError as error:
        return str(error)
    return None


def _jump(trained: Procedure, some: Drawn, device: str) -> str | None:
    """Why the net's training loss has no gradient to follow."""
    import torch

    from emc.engine.fresh import fresh
    from emc.nets.jumps import jumping

    x = torch.from_numpy(np.ascontiguousarray(some.inputs[some.rows])).to(device)
    name = jumping((fresh(trained, seed).to(device) for seed in range(_NETS)), x)
    if name is None:
        return None
    return f"the loss has no gradient in {name!r}, as of a net that rounds or takes signs"
