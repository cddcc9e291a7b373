"""How many replicas the device holds at once."""

import torch

from emc.engine.fresh import fresh
from emc.engine.optimizer import SCALARS
from emc.engine.procedure import Procedure, Replica
from emc.engine.stacked.runner import Runner
from emc.engine.stacked.stack import stacked
from emc.engine.stacked.step import CHUNK_ROWS
from emc.error_texts import says_no_memory

_ON_CPU = 16
"""More replicas leave the processor's cache and gain nothing."""
_ON_GPU = 1024
_SHARE = 0.7
"""Of the free memory: the rest is for fragments and for the libraries' workspaces."""


def replicas_at_once(
    device: torch.device, procedure: Procedure, runner: Runner, largest: Replica
) -> int:
    """Replicas that fit the device's free memory if each needs what a step of `largest` does.

    At least one: whether that one fits shows when it trains.
    """
    if device.type == "cpu":
        return _ON_CPU
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    try:
        _one_step(device, procedure, runner, largest)
    except RuntimeError as error:
        if not says_no_memory(error):
            raise
        return 1
    each = torch.cuda.max_memory_allocated(device) - before
    torch.cuda.empty_cache()
    free, _ = torch.cuda.mem_get_info(device)
    return max(1, min(_ON_GPU, int(_SHARE * free / max(each, 1))))


def _one_step(device: torch.device, procedure: Procedure, runner: Runner, replica: Replica) -> None:
    net, step = fresh(procedure, replica.seed).to(device), runner.step
    stack = stacked(step.net, [net], [replica], step.rule.lengths, device)
    batch = procedure.batch
    rows = max(CHUNK_ROWS, runner.width(batch or replica.n, full_batch=batch is None))
    x, labels, sizes = stack.chunk(0, rows)
    step.train(stack.weights, x, labels, sizes, torch.ones(1, SCALARS, device=device), *stack.rest)
