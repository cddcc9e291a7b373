"""Initial weights of torch layers by the rules of `emc.nets.layers.initial`."""

from torch import nn

from emc.activations import ACTIVATIONS
from emc.study.activation import ActivationChoice, PluginActivation


def gain(activation: ActivationChoice) -> float:
    """Standard deviation of a weight times sqrt(fan_in) before that activation."""
    if isinstance(activation, PluginActivation):
        return float(activation.registered.details.gain)
    return ACTIVATIONS[activation].gain


def draw(layer: nn.Conv2d | nn.Linear, rule: str, activation: ActivationChoice) -> None:
    """Draw a new layer's weights from torch's generator; as `torch` would, they are already."""
    if rule == "torch":
        return
    assert layer.bias is not None
    fan_in = layer.weight[0].numel()
    nn.init.normal_(layer.weight, std=gain(activation) * fan_in**-0.5)
    nn.init.zeros_(layer.bias)
