"""A trained net on other samples than its own."""

from collections.abc import Iterable, Mapping

import numpy as np
import torch

from emc.engine.fresh import fresh
from emc.engine.objective import hits, row_losses
from emc.engine.procedure import Procedure
from emc.nets.arithmetic import exact_float32


def evaluate(
    procedure: Procedure,
    seed: int,
    parameters: Mapping[str, np.ndarray],
    samples: Iterable[tuple[np.ndarray, np.ndarray]],
    device: str,
) -> tuple[float, float]:
    """Accuracy and mean loss without smoothing of an end point, in evaluation mode and float32.

    `parameters` are those of a replica's run, `seed` the replica's. `samples` are inputs float32
    [rows, *shape] with labels int64 [rows], a chunk at a time.
    """
    net = fresh(procedure, seed)
    own = {**dict(net.named_parameters()), **dict(net.named_buffers())}
    correct = total = 0
    loss = 0.0
    with torch.no_grad(), exact_float32():
        for name, values in parameters.items():
            own[name].copy_(torch.from_numpy(values))
        net.to(device).eval()
        for inputs, labels in samples:
            wanted = torch.tensor(labels, device=device)
            logits = net(torch.from_numpy(inputs).to(device))
            losses = row_losses(procedure, logits, wanted, smoothing=0.0)
            correct += int(hits(logits, wanted).sum())
            loss += float(losses.double().sum())
            total += len(labels)
    return correct / total, loss / total
