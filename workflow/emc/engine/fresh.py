"""A replica's net at the start of training, checked, and its weights as plain arrays."""

import numpy as np
import torch
from torch import Tensor, nn

from emc.engine.objective import check_shape
from emc.engine.procedure import Procedure, Replica
from emc.error_texts import says_no_indices, says_other_channels
from emc.errors import EmcError, one_line, shown
from emc.nets.factory import check_made
from emc.nets.head import head
from emc.nets.layers import initial
from emc.nets.module import load, module
from emc.nets.noise import seeded
from emc.nets.reparameterised import from_seed
from emc.seeds import derive, generator


def fresh(procedure: Procedure, seed: int) -> nn.Module:
    """The net of a procedure with the initial weights of a seed, float32, on the CPU.

    Raises:
        EmcError: a user's factory gives no torch module, or one that cannot be trained in float32.
    """
    if procedure.layers is not None:
        net = module(procedure.layers)
        draw = generator(seed, "weights")
        load(net, initial(procedure.layers, procedure.initialisation, draw))
        return net
    assert procedure.module is not None
    with seeded(derive(seed, "weights")):
        made = procedure.module()
    if not isinstance(made, nn.Module):
        raise EmcError(f"module: expected a torch.nn.Module, found {shown(made)}")
    check_made(made)
    return made


def check_logits(net: nn.Module, x: Tensor, classes: int) -> None:
    """Try a net on a few inputs [batch, *shape].

    Raises:
        EmcError: the net cannot take them or changes them, or its output is not [batch, classes].
    """
    net.eval()
    with torch.no_grad():
        tried(net, x, classes, f"on inputs of shape {tuple(x.shape)}")


def tried(net: nn.Module, x: Tensor, classes: int, how: str) -> Tensor:
    """The logits [batch, classes] of inputs [batch, *shape]; `how` they are tried, for an error.

    Raises:
        EmcError: the net cannot take the inputs or changes them, on which later epochs train too,
            or its output is something else.
    """
    kind, before = type(net).__name__, x.clone()
    try:
        logits: Tensor = net(x)
    except Exception as error:
        raise EmcError(f"{kind} fails {how}: {one_line(error)}{_hint(error, x)}") from error
    if not torch.equal(before, x):
        raise EmcError(
            f"{kind} changes its inputs in place: its first operation must make a new tensor,"
            " as ReLU(inplace=False) does"
        )
    check_shape(kind, logits, len(x), classes)
    return logits


def _hint(error: Exception, x: Tensor) -> str:
    """What helps against the usual slips of types and shapes."""
    if says_no_indices(error):
        return ": inputs arrive in float32: begin with `x.long()`"
    if says_other_channels(error) and x.ndim == 4 and x.shape[-1] in {1, 3}:
        return ": give images as [batch, channels, height, width], `inputs.permute(0, 3, 1, 2)`"
    if (says_other_channels(error) and x.ndim == 3) or x.ndim == 1:
        return ": give `inputs[:, None]`, which have a dimension more"
    return ""


def few_inputs(replica: Replica) -> Tensor:
    """The first two of a replica's inputs, or its only one, float32 [rows, *shape]."""
    return torch.from_numpy(replica.inputs[replica.rows[:2]])


def head_places(procedure: Procedure, net: nn.Module, x: Tensor) -> frozenset[int]:
    """Places of the weights that make the logits of x [rows, *shape] among those that train.

    None are looked for where the optimizer treats them as any others.

    Raises:
        EmcError: they cannot be told from the net's other weights.
    """
    if not procedure.optimizer.knows_head:
        return frozenset()
    try:
        names = head(net, x)
    except EmcError as error:
        raise EmcError(f"optimizer {procedure.update.name!r}: {error}") from None
    trained = [name for name, weight in net.named_parameters() if weight.requires_grad]
    return frozenset(place for place, name in enumerate(trained) if name in names)


def weights(net: nn.Module) -> dict[str, np.ndarray]:
    """Parameters and floating-point buffers by name, float32, but for those of `from_seed`."""
    again = from_seed(net)
    named = [*net.named_parameters(), *net.named_buffers()]
    return {
        name: tensor.detach().float().cpu().numpy().copy()
        for name, tensor in named
        if tensor.is_floating_point() and name not in again
    }


def from_the_seed(procedure: Procedure, seed: int) -> dict[str, np.ndarray]:
    """What `weights` leaves out for a replica with this seed, by name."""
    net = fresh(procedure, seed)
    named = {**dict(net.named_parameters()), **dict(net.named_buffers())}
    return {name: named[name].numpy(force=True) for name in sorted(from_seed(net))}
