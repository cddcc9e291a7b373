"""Which architecture an entry of a study names."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from emc.study.architectures.cnn import Cnn
from emc.study.architectures.dense import Linear, Mlp
from emc.study.architectures.efficientnet import EfficientNet
from emc.study.architectures.mixer import MlpMixer
from emc.study.architectures.resnet import ResNet
from emc.study.architectures.vit import Vit
from emc.study.strict import named

Architecture = Annotated[
    Linear | Mlp | Cnn | ResNet | Vit | EfficientNet | MlpMixer,
    Field(discriminator="name"),
    BeforeValidator(named),
]
