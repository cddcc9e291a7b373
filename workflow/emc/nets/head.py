"""Which weights of a net make its logits."""

import re
from collections.abc import Iterator
from typing import Any, Final

import torch
from torch import Tensor, nn

from emc.errors import EmcError

_ELEMENTWISE: Final = re.compile("(Add|Sub|Rsub|Mul|Div|Addcmul|Addcdiv|Lerp|Where)Backward.*")
"""Names of operations in which a weight meets each number alone: it scales or shifts."""

_Node = Any
"""Torch's record of an operation: `name()`, `next_functions`, and `variable` where it is a weight.
"""


def head(net: nn.Module, x: Tensor) -> frozenset[str]:
    """Names of the trained weights of two dimensions or more that make the logits.

    Followed back from the logits of inputs [rows, *shape], float32, each path to the inputs meets
    first the product (of a dense layer, a convolution, an embedding, ...) that such a weight has a
    part in; these weights are the head. Several where paths differ, as those past a skip
    connection; the factors, where the weight is made of others. Weights that only scale or shift
    numbers do not count.

    Raises:
        EmcError: the logits do not follow from the inputs by differentiable operations, as behind
            an embedding of whole numbers, so that weights and inputs cannot be told apart.
    """
    inputs = x.detach().clone().requires_grad_()
    modes = {layer: layer.training for layer in net.modules()}
    try:
        with torch.enable_grad():
            logits: Tensor = net.eval()(inputs.clone())
    finally:
        for layer, mode in modes.items():
            layer.training = mode
    trace = _Trace(net, inputs)
    if not trace.has_inputs(logits.grad_fn):
        raise EmcError(
            f"{type(net).__name__}: which weights make the logits cannot be told: no gradient"
            " comes from the logits back to the inputs"
        )
    return frozenset(trace.head(logits.grad_fn))


class _Trace:
    """The operations between a net's inputs and its logits."""

    def __init__(self, net: nn.Module, inputs: Tensor) -> None:
        self._inputs = inputs
        self._names = {id(p): n for n, p in net.named_parameters() if p.dim() >= 2}
        self._reaching: dict[_Node, bool] = {}

    def has_inputs(self, node: _Node) -> bool:
        """Whether what an operation gives depends on the inputs."""
        for each in _after_its_arguments(node, self._reaching):
            self._reaching[each] = getattr(each, "variable", None) is self._inputs or any(
                self._reaching[argument] for argument in _arguments(each)
            )
        return self._reaching[node]

    def head(self, logits: _Node) -> Iterator[str]:
        """Names of the weights that paths from the logits meet first."""
        waiting, seen = [logits], {logits}
        while waiting:
            node = waiting.pop()
            if found := self._weights_of(node):
                yield from found
                continue
            further = [one for one in _arguments(node) if self.has_inputs(one) and one not in seen]
            waiting += further
            seen.update(further)

    def _weights_of(self, node: _Node) -> list[str]:
        """The weights in an operation's arguments that do not depend on the inputs."""
        if _ELEMENTWISE.fullmatch(node.name()):
            return []
        apart = [one for one in _arguments(node) if not self.has_inputs(one)]
        return [name for one in apart for name in self._weights_below(one)]

    def _weights_below(self, node: _Node) -> list[str]:
        leaves = (getattr(one, "variable", None) for one in _after_its_arguments(node, {}))
        return [self._names[id(leaf)] for leaf in leaves if id(leaf) in self._names]


def _arguments(node: _Node) -> list[_Node]:
    return [one for one, _ in node.next_functions if one is not None]


def _after_its_arguments(node: _Node, known: dict[_Node, bool]) -> list[_Node]:
    """The operations that a node follows from, and itself, arguments first; none that is known."""
    order: list[_Node] = []
    seen = set(known)
    waiting = [(node, False)]
    while waiting:
        each, complete = waiting.pop()
        if complete:
            order.append(each)
        elif each not in seen:
            seen.add(each)
            waiting.append((each, True))
            waiting += [(one, False) for one in _arguments(each)]
    return order
