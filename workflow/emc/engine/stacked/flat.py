"""A module as a function of one flat vector of its weights, so that replicas stack to rows."""

from math import prod

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from emc.native.unavailable import UnavailableError
from emc.nets.copies import settings, unlike_others
from emc.nets.reparameterised import from_seed


class FlatNet:
    """What a module computes, apart from the numbers in it.

    All replicas of a procedure share one `FlatNet`; each has its own weights (what is trained,
    one vector) and constants (buffers and frozen parameters).
    """

    def __init__(self, template: nn.Module) -> None:
        """Take the structure of `template`, whose own numbers are not used."""
        self.template = template
        self._settings = settings(template)
        trained = {n: p for n, p in template.named_parameters() if p.requires_grad}
        self.shapes = {name: tuple(parameter.shape) for name, parameter in trained.items()}
        self._sizes = [prod(shape) for shape in self.shapes.values()]
        self.constant_names = list(_constants(template))
        self._kept = {
            name
            for name, value in _constants(template).items()
            if value.is_floating_point() and name not in from_seed(template)
        }

    def weights(self, net: nn.Module) -> Tensor:
        """The trained parameters of a module of this structure, [parameters].

        Raises:
            UnavailableError: it is of another structure.
        """
        if why := unlike_others(net, self._settings):
            raise UnavailableError(why)
        named = dict(net.named_parameters())
        return torch.cat([named[name].detach().reshape(-1) for name in self.shapes])

    def constants(self, net: nn.Module) -> list[Tensor]:
        """The constants of a module of this structure, in the order of `constant_names`."""
        named = _constants(net)
        return [named[name] for name in self.constant_names]

    def named(self, weights: Tensor) -> dict[str, Tensor]:
        """Views into a vector [parameters], by name."""
        parts = torch.split(weights, self._sizes)
        return {
            name: part.view(shape)
            for (name, shape), part in zip(self.shapes.items(), parts, strict=True)
        }

    def arrays(self, weights: Tensor, constants: list[Tensor]) -> dict[str, np.ndarray]:
        """Weights and constants by name, float32, as `fresh.weights` gives them."""
        held = zip(self.constant_names, constants, strict=True)
        tensors = {**self.named(weights), **{n: c for n, c in held if n in self._kept}}
        return {name: tensor.cpu().numpy().copy() for name, tensor in tensors.items()}

    def logits(self, weights: Tensor, constants: list[Tensor], x: Tensor) -> Tensor:
        """Logits [batch, classes] of inputs [batch, *shape] for weights [parameters]."""
        held = dict(zip(self.constant_names, constants, strict=True))
        logits: Tensor = functional_call(self.template, {**self.named(weights), **held}, (x,))
        return logits


def _constants(net: nn.Module) -> dict[str, Tensor]:
    frozen = {n: p.detach() for n, p in net.named_parameters() if not p.requires_grad}
    return {**frozen, **dict(net.named_buffers())}
