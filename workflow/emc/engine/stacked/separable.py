"""Whether replicas of a net can share a call without touching one another."""

import torch
from torch import nn

from emc.engine.fresh import check_logits, fresh
from emc.engine.optimizer import SCALARS
from emc.engine.procedure import Procedure, Replica
from emc.engine.stacked.stack import stacked
from emc.engine.stacked.step import Step
from emc.error_texts import says_no_memory
from emc.native.unavailable import UnavailableError
from emc.nets.copies import unlike_copies
from emc.nets.inspection import BATCH_NORMS, DROPOUTS, INSTANCE_NORMS, behaviour, mixes
from emc.nets.kept import kept
from emc.nets.noise import seeded
from emc.seeds import derive


def obstacle(net: nn.Module) -> str | None:
    """Which of the net's layers needs a call of its own, or None."""
    for name, layer in net.named_modules():
        if reason := _obstacle_of(layer):
            return f"{type(layer).__name__} {name!r} {reason}"
    return unlike_copies(net)


def _obstacle_of(layer: nn.Module) -> str | None:
    if isinstance(layer, BATCH_NORMS):
        return "normalises over the batch, which is padded"
    if isinstance(layer, INSTANCE_NORMS) and layer.track_running_stats:
        return "keeps running statistics"
    if isinstance(layer, DROPOUTS) and layer.p > 0:
        return "draws numbers that would depend on the other replicas"
    return None


def try_together(procedure: Procedure, step: Step, replica: Replica, device: torch.device) -> None:
    """Take one step of two copies of a replica on two of its samples.

    Raises:
        EmcError: the net cannot take the inputs, or gives no logits.
        UnavailableError: the step cannot be taken for both in one call, or rows mix.
    """
    net = fresh(procedure, replica.seed).to(device)
    kind, before, trained = type(net).__name__, kept(net), _trained(net)
    few = Replica(replica.inputs, replica.rows[:2], replica.labels[:2], replica.seed, 0.0)
    stack = stacked(step.net, [net, net], [few, few], step.rule.lengths, device)
    x, labels, sizes = stack.chunk(0, 2)
    check_logits(net, x[0], procedure.classes)
    scalars = torch.ones(2, SCALARS, device=device)
    try:
        # A net may draw, which is refused with the step: from a stream of its own.
        with seeded(derive(replica.seed, "noise"), device):
            seen = behaviour(net, x[0], training=True)
            apart = not mixes(net, x[0])
            step.net.template.train()
            step.train(stack.weights, x, labels, sizes, scalars, *stack.rest)
    except (RuntimeError, ValueError) as error:
        if isinstance(error, RuntimeError) and says_no_memory(error):
            raise
        raise UnavailableError(f"{kind} cannot train as several replicas: {error}") from error
    if seen.changes:
        raise UnavailableError(f"{kind} changes a buffer in training, in idle steps too")
    if seen.mixes or not apart:
        raise UnavailableError(f"{kind}: a row's logits depend on the other rows of the batch")
    if changed := before.changed(kept(net)):
        raise UnavailableError(f"{kind} changes {changed[0]!r} as it is called")
    if _trained(net) != trained:
        raise UnavailableError(f"{kind} changes which parameters train with its mode")
    if seen.draws:
        raise UnavailableError(f"{kind} draws numbers that would depend on the other replicas")


def _trained(net: nn.Module) -> list[str]:
    return [name for name, parameter in net.named_parameters() if parameter.requires_grad]
