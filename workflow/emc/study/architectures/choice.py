"""Which architecture an entry of a study names."""

from typing import TYPE_CHECKING, Annotated, Final, get_args

from pydantic import BeforeValidator, Field, WrapValidator

from emc.study.architectures.cnn import Cnn
from emc.study.architectures.dense import Linear, Mlp
from emc.study.architectures.efficientnet import EfficientNet
from emc.study.architectures.family import Family
from emc.study.architectures.mixer import MlpMixer
from emc.study.architectures.plugin import PluginArchitecture, plugin_architecture
from emc.study.architectures.resnet import ResNet
from emc.study.architectures.vit import Vit
from emc.study.plugin_entry import plugin_or_known
from emc.study.strict import named

_Known = Linear | Mlp | Cnn | ResNet | Vit | EfficientNet | MlpMixer

FAMILIES: Final[dict[str, type[Family]]] = {
    get_args(family.model_fields["name"].annotation)[0]: family for family in get_args(_Known)
}
"""The program's own families by name."""


if TYPE_CHECKING:
    Architecture = _Known | PluginArchitecture
else:
    Architecture = Annotated[
        _Known,
        Field(discriminator="name"),
        BeforeValidator(named),
        WrapValidator(plugin_or_known("architecture", plugin_architecture, FAMILIES)),
    ]
