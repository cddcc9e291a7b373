"""The architectures a study can name: their keys, their sizes, and which inputs they take.

Knows parameter counts in closed form, and which widths a family has.
Must not know torch: `emc.nets` makes the nets.
"""

from emc.study.architectures.choice import FAMILIES, Architecture
from emc.study.architectures.cnn import Cnn
from emc.study.architectures.dense import Linear, Mlp
from emc.study.architectures.efficientnet import EfficientNet
from emc.study.architectures.family import Family, Scaled
from emc.study.architectures.mixer import MlpMixer
from emc.study.architectures.plugin import PluginArchitecture
from emc.study.architectures.resnet import ResNet
from emc.study.architectures.size import at_width, sized
from emc.study.architectures.vit import Vit

__all__ = [
    "FAMILIES",
    "Architecture",
    "Cnn",
    "EfficientNet",
    "Family",
    "Linear",
    "Mlp",
    "MlpMixer",
    "PluginArchitecture",
    "ResNet",
    "Scaled",
    "Vit",
    "at_width",
    "sized",
]
