"""Which architecture an entry of a study names."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Final, get_args

from pydantic import Field, ValidationInfo, WrapValidator

from emc.study.architectures.cnn import Cnn
from emc.study.architectures.dense import Linear, Mlp
from emc.study.architectures.efficientnet import EfficientNet
from emc.study.architectures.family import Family
from emc.study.architectures.mixer import MlpMixer
from emc.study.architectures.own import OwnArchitecture, own_architecture
from emc.study.architectures.resnet import ResNet
from emc.study.architectures.vit import Vit
from emc.study.own import own_entry
from emc.study.strict import named

FAMILIES: Final[dict[str, type[Family]]] = {
    get_args(family.model_fields["name"].annotation)[0]: family
    for family in (Linear, Mlp, Cnn, ResNet, Vit, EfficientNet, MlpMixer)
}
"""The program's own families by name."""


def _own_or_known(value: Any, known: Callable[[Any], Any], info: ValidationInfo) -> Any:
    if isinstance(value, OwnArchitecture):
        return value
    entry = named(value)
    if found := own_entry("architecture", entry, info, list(FAMILIES)):
        registered, keys = found
        return own_architecture(registered).model_validate(keys, context=info.context)
    return known(entry)


if TYPE_CHECKING:
    Architecture = Linear | Mlp | Cnn | ResNet | Vit | EfficientNet | MlpMixer | OwnArchitecture
else:
    Architecture = Annotated[
        Linear | Mlp | Cnn | ResNet | Vit | EfficientNet | MlpMixer,
        Field(discriminator="name"),
        WrapValidator(_own_or_known),
    ]
