"""A trained net on other samples than its own."""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import torch
from torch import nn

from emc.engine.fresh import fresh
from emc.engine.objective import hits, row_losses
from emc.engine.procedure import Procedure
from emc.nets.arithmetic import exact_float32
from emc.nets.inspection import mixes

_Chunk = tuple[np.ndarray, np.ndarray]


def evaluate(
    procedure: Procedure,
    seed: int,
    parameters: Mapping[str, np.ndarray],
    samples: Iterable[_Chunk],
    device: str,
) -> tuple[float, float]:
    """Accuracy and mean loss without smoothing of an end point, in evaluation mode and float32.

    `parameters` are those of a replica's run, `seed` the replica's. `samples` are inputs float32
    [rows, *shape] with labels int64 [rows], a chunk at a time; where rows depend on each other
    in evaluation mode all of them are evaluated together.
    """
    net = fresh(procedure, seed)
    own = {**dict(net.named_parameters()), **dict(net.named_buffers())}
    correct = total = 0
    loss = 0.0
    with torch.no_grad(), exact_float32():
        for name, values in parameters.items():
            own[name].copy_(torch.from_numpy(values))
        net.to(device).eval()
        for inputs, labels in _pieces(net, samples, device):
            wanted = torch.tensor(labels, device=device)
            logits = net(torch.from_numpy(inputs).to(device))
            losses = row_losses(procedure, logits, wanted, smoothing=0.0)
            correct += int(hits(logits, wanted).sum())
            loss += float(losses.double().sum())
            total += len(labels)
    return correct / total, loss / total


def _pieces(net: nn.Module, samples: Iterable[_Chunk], device: str) -> Iterator[_Chunk]:
    """The chunks, or all of them as one where rows depend on each other."""
    chunks = iter(samples)
    first = next(chunks)
    if mixes(net, torch.from_numpy(first[0]).to(device)):
        inputs, labels = zip(first, *chunks, strict=True)
        yield np.concatenate(inputs), np.concatenate(labels)
    else:
        yield first
        yield from chunks
