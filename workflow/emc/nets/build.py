"""The net of an architecture: layers where it has them, else a factory of torch modules."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emc.nets.families import Hidden, maker
from emc.nets.graph import Graph
from emc.nets.layers import Layers, count, layer_shapes, layers_of
from emc.nets.traced_module import KnownNet, TracedModule
from emc.nets.transformer import Transformer
from emc.study.activation import ActivationChoice
from emc.study.architectures import (
    Architecture,
    Cnn,
    Linear,
    Mlp,
    PluginArchitecture,
    Vit,
)
from emc.study.parameterisation import (
    Full,
    LowRank,
    ParameterisationChoice,
    Quantised,
    Subspace,
)

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True)
class Factory:
    """Makes a fresh net at each call, its weights drawn from torch's global generator.

    Factories of equal nets are equal, so that what was prepared for one serves the other.
    """

    architecture: Architecture
    activation: ActivationChoice
    initialisation: str
    shape: tuple[int, ...]
    classes: int

    def __call__(self) -> "nn.Module":
        """A fresh net, from inputs [batch, *shape] to logits [batch, classes]."""
        if isinstance(self.architecture, PluginArchitecture):
            from emc.nets.plugin_architecture import plugin_net

            return plugin_net(self.architecture, self.activation, self.shape, self.classes)
        make = maker(self.architecture.name)
        hidden = Hidden(self.activation, self.initialisation)
        return make(self.architecture, hidden, self.shape, self.classes)


@dataclass(frozen=True, slots=True)
class GraphFactory:
    """Makes modules of a graph, with parameters that are zero."""

    graph: Graph

    def __call__(self) -> "nn.Module":
        """A module, from inputs [batch, *shape] to logits [batch, classes]."""
        from emc.nets.graph_module import GraphModule

        return GraphModule(self.graph)


def transformer_factory(sizes: Transformer) -> Factory:
    """The factory of a transformer's modules."""
    net = Vit(
        name="vit", patch=sizes.patch, depth=sizes.depth, width=sizes.width, heads=sizes.heads
    )
    shape = (sizes.colours, sizes.side, sizes.side)
    return Factory(net, sizes.activation, "torch", shape, sizes.classes)


def as_known(module: object) -> KnownNet | None:
    """What is known of the nets that a factory of modules makes.

    That is the sizes of vision transformers, whatever a traced factory was found to compute, and
    None for all others, as for a vision transformer with a plug-in's activation.
    """
    if isinstance(module, TracedModule):
        return module.net
    if isinstance(module, GraphFactory):
        return module.graph
    if not isinstance(module, Factory) or not isinstance(module.activation, str):
        return None
    net, shape = module.architecture, module.shape
    if not isinstance(net, Vit) or net.width is None or net.unsuitable(shape):
        return None
    return Transformer(
        *(shape[0], shape[1], net.patch, net.depth, net.width, net.heads),
        activation=module.activation,
        classes=module.classes,
    )


def untraced(
    module: TracedModule,
) -> tuple[Layers | Factory | GraphFactory, dict[str, str]]:
    """The net that a known module computes, and its parameters' names by the module's own."""
    own = [name for name, _ in module.shapes]
    if isinstance(module.net, Transformer):
        return transformer_factory(module.net), dict(zip(own, module.net.shapes, strict=True))
    if isinstance(module.net, Graph):
        return GraphFactory(module.net), {name: str(number) for number, name in enumerate(own)}
    assert module.net is not None
    return module.net, dict(zip(own, layer_shapes(module.net), strict=True))


def net(
    architecture: Architecture,
    activation: ActivationChoice,
    initialisation: str,
    shape: tuple[int, ...],
    classes: int,
) -> "Layers | Factory":
    """The net of an architecture for inputs of `shape`; loads torch only as the factory is called.

    `activation` stands between all layers. It replaces the published one in a residual block
    (ReLU), an EfficientNet block (SiLU) and a transformer's MLP (GELU); attention keeps its
    softmax, and squeeze and excitation the sigmoid of its gate. `linear` has none.
    """
    if isinstance(architecture, Linear):
        return layers_of(architecture, "identity", shape, classes)
    if isinstance(activation, str) and (
        isinstance(architecture, Mlp)
        or (isinstance(architecture, Cnn) and architecture.normalisation == "none")
    ):
        return layers_of(architecture, activation, shape, classes)
    return Factory(architecture, activation, initialisation, shape, classes)


@dataclass(frozen=True, slots=True)
class Reparameterisation:
    """Makes a fresh net in another form: a factory like those of full nets.

    The net inside starts at the weights that it would have by itself for the same seed.
    """

    full: Layers | Factory
    form: Subspace | LowRank | Quantised
    initialisation: str

    def __call__(self) -> "nn.Module":
        """A fresh net, from inputs [batch, *shape] to logits [batch, classes]."""
        from emc.nets.reparameterised import reparameterised

        return reparameterised(self._inner(), self.form)

    def _inner(self) -> "nn.Module":
        if isinstance(self.full, Factory):
            return self.full()
        from emc.nets.module import drawn

        return drawn(self.full, self.initialisation)


def in_form(
    net: Layers | Factory, form: ParameterisationChoice, initialisation: str
) -> Layers | Factory | Reparameterisation:
    """A net in the form that a cell asks for; `initialisation` is that of the layers."""
    return net if isinstance(form, Full) else Reparameterisation(net, form, initialisation)


def size(net: "Layers | Callable[[], nn.Module]") -> int:
    """Number of trainable parameters; of a reparameterised net, of the net it is made from."""
    if isinstance(net, Reparameterisation):
        return size(net.full)
    if isinstance(net, tuple):
        return count(net)
    return sum(weight.numel() for weight in net().parameters() if weight.requires_grad)
