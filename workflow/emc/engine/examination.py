"""A user's net examined before it is trained: whether it can be trained at all."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from emc.engine.fresh import tried
from emc.errors import EmcError, one_line


def examine_training(net: nn.Module, x: Tensor, classes: int) -> None:
    """Take the gradient of a net's loss on x, float32 [batch, *shape], once.

    Raises:
        EmcError: the net cannot take that batch in training or changes it; its logits have
            another shape, are not finite or give no gradient; or a gradient is sparse.
    """
    net.train()
    kind = type(net).__name__
    logits = tried(net, x, classes, f"in training on a batch of {len(x)}")
    _check_logits(kind, logits)
    labels = torch.zeros(len(x), dtype=torch.long, device=x.device)
    try:
        torch.autograd.backward(functional.cross_entropy(logits, labels))
    except Exception as error:
        raise EmcError(f"{kind} fails as its gradient is taken: {one_line(error)}") from error
    _check_gradients(kind, net)


def _check_logits(kind: str, logits: Tensor) -> None:
    if not logits.is_floating_point():
        raise EmcError(f"{kind}: expected logits of a floating type, found {logits.dtype}")
    if not logits.isfinite().all():
        raise EmcError(
            f"{kind} gives logits that are not finite before it is trained:"
            f" {logits.detach()[~logits.isfinite()][0]:g}"
        )
    if not logits.requires_grad:
        raise EmcError(
            f"{kind} gives logits without a gradient: they are detached, made under no_grad, or"
            " depend on no trainable parameter"
        )


def _check_gradients(kind: str, net: nn.Module) -> None:
    gradients = {n: p.grad for n, p in net.named_parameters() if p.grad is not None}
    if not gradients:
        raise EmcError(f"{kind} gives logits that depend on none of its trainable parameters")
    for name, gradient in gradients.items():
        if gradient.layout != torch.strided:
            raise EmcError(
                f"{kind}: expected a dense gradient of {name!r}, found {gradient.layout}:"
                " build the layer with sparse=False"
            )
