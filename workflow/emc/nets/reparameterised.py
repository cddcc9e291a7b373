"""Nets whose weights are made anew at each call of trained numbers and of what a seed gives."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call

from emc.nets.projection import PROJECTIONS
from emc.nets.quantiser import quantised
from emc.study import parameterisation as forms


class Reparameterised(nn.Module):
    """A net that is called with weights made anew at each call.

    Initial weights that do not train and projections are no part of an end point: a replica's
    seed gives them again.
    """

    def __init__(self, net: nn.Module) -> None:
        """Take a net at its initial weights."""
        super().__init__()
        self.net = net
        self.names = [name for name, weight in net.named_parameters() if weight.requires_grad]

    @property
    def initial(self) -> dict[str, Tensor]:
        """The net's own numbers under the names that are made anew."""
        own = dict(self.net.named_parameters())
        return {name: own[name] for name in self.names}

    def weights(self) -> dict[str, Tensor]:
        """Weights by the net's names."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """What the net makes of inputs [batch, *shape] with these weights."""
        logits: Tensor = functional_call(self.net, self.weights(), (x,))
        return logits


class SubspaceNet(Reparameterised):
    """Initial weights, moved by a fixed random map of the trainable `coordinates`."""

    def __init__(self, net: nn.Module, form: forms.Subspace) -> None:
        """Freeze the net and draw the map."""
        super().__init__(net)
        weights = list(self.initial.values())
        self.coordinates = nn.Parameter(torch.zeros(form.dimension))
        self.projection = PROJECTIONS[form.projection](form.dimension, weights)
        _freeze(weights)

    def weights(self) -> dict[str, Tensor]:
        """Weights by the net's names."""
        initial = self.initial
        step = self.projection(self.coordinates)
        parts = torch.split(step, [weight.numel() for weight in initial.values()])
        return {
            name: weight + part.reshape(weight.shape)
            for (name, weight), part in zip(initial.items(), parts, strict=True)
        }


class LowRankNet(Reparameterised):
    """Initial weights, matrices plus trainable products `rows` @ `columns`; the rest trains itself.

    As in LoRA (Hu et al. 2022) the products start at zero: rows at zero, columns Gaussian with
    variance 1 / the matrix's columns.
    """

    def __init__(self, net: nn.Module, form: forms.LowRank) -> None:
        """Freeze the matrices and draw their factors."""
        super().__init__(net)
        self.names = [n for n, w in self.initial.items() if _is_factored(w, form.rank)]
        matrices = [weight.flatten(1) for weight in self.initial.values()]
        self.rows = nn.ParameterList(torch.zeros(len(one), form.rank) for one in matrices)
        self.columns = nn.ParameterList(
            torch.randn(form.rank, one.shape[1]) / one.shape[1] ** 0.5 for one in matrices
        )
        _freeze(list(self.initial.values()))

    def weights(self) -> dict[str, Tensor]:
        """Weights by the net's names."""
        parts = zip(self.initial.items(), self.rows, self.columns, strict=True)
        return {
            name: weight + (rows @ columns).reshape(weight.shape)
            for (name, weight), rows, columns in parts
        }


class QuantisedNet(Reparameterised):
    """The net's own weights, which train, rounded to a few bits at each call."""

    def __init__(self, net: nn.Module, form: forms.Quantised) -> None:
        """Take the number of bits."""
        super().__init__(net)
        self._bits = form.bits

    def weights(self) -> dict[str, Tensor]:
        """Weights by the net's names."""
        return {name: quantised(weight, self._bits) for name, weight in self.initial.items()}


def reparameterised(
    net: nn.Module, form: forms.Subspace | forms.LowRank | forms.Quantised
) -> Reparameterised:
    """The net in that form; what is random comes from torch's generator."""
    match form:
        case forms.Subspace():
            return SubspaceNet(net, form)
        case forms.LowRank():
            return LowRankNet(net, form)
        case forms.Quantised():
            return QuantisedNet(net, form)


def from_seed(net: nn.Module) -> frozenset[str]:
    """Names of the frozen parameters and buffers that a replica's seed gives again."""
    if not isinstance(net, Reparameterised):
        return frozenset()
    frozen = {f"net.{name}" for name, weight in net.initial.items() if not weight.requires_grad}
    drawn = {name for name, _ in net.named_buffers() if name.startswith("projection.")}
    return frozenset(frozen | drawn)


def _freeze(weights: Sequence[Tensor]) -> None:
    for weight in weights:
        weight.requires_grad_(False)


def _is_factored(weight: Tensor, rank: int) -> bool:
    if weight.ndim < 2:
        return False
    matrix = weight.flatten(1)
    return forms.is_factored((matrix.shape[0], matrix.shape[1]), rank)
