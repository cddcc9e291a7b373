"""Torchvision's VisionTransformer for images of any colours and size."""

from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import VisionTransformer
from torchvision.models.vision_transformer import EncoderBlock

from emc.nets.activation import activate
from emc.nets.families import Hidden
from emc.study.architectures import Vit


def make(architecture: Vit, hidden: Hidden, shape: tuple[int, ...], classes: int) -> nn.Module:
    """A fresh net from torch's generator, with torchvision's names and initial weights."""
    width, patch = architecture.width, architecture.patch
    assert width is not None
    net: nn.Module = VisionTransformer(
        image_size=shape[1],
        patch_size=patch,
        num_layers=architecture.depth,
        num_heads=architecture.heads,
        hidden_dim=width,
        mlp_dim=4 * width,
        num_classes=classes,
    )
    net.conv_proj = _embedding(shape[0], width, patch)
    for block in net.modules():
        if isinstance(block, EncoderBlock):
            block.self_attention = Attention(block.self_attention)
    activate(net, nn.GELU, hidden.activation)
    return net


def _embedding(colours: int, width: int, patch: int) -> nn.Conv2d:
    """Initialised as torchvision does it for three colours."""
    layer = nn.Conv2d(colours, width, patch, stride=patch)
    assert layer.bias is not None
    nn.init.trunc_normal_(layer.weight, std=(colours * patch**2) ** -0.5)
    nn.init.zeros_(layer.bias)
    return layer


class Attention(nn.Module):
    """Self-attention with the parameters of a torch layer, its products written out.

    Torch's fused kernels neither take several replicas in one call nor have second derivatives.
    """

    def __init__(self, original: nn.MultiheadAttention) -> None:
        """Take over the layer's parameters under their names."""
        super().__init__()
        self.in_proj_weight, self.in_proj_bias = original.in_proj_weight, original.in_proj_bias
        self.out_proj = original.out_proj
        self._heads = original.num_heads

    def forward(self, x: Tensor, *_key_value: Tensor, need_weights: bool) -> tuple[Tensor, None]:  # noqa: ARG002
        """Tokens [batch, tokens, width] attend to each other; no weights are ever returned."""
        joint = functional.linear(x, self.in_proj_weight, self.in_proj_bias)
        query, key, value = (
            part.reshape(*part.shape[:2], self._heads, -1).transpose(1, 2)
            for part in joint.chunk(3, -1)
        )
        scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
        attended: Tensor = self.out_proj((scores.softmax(-1) @ value).transpose(1, 2).flatten(2))
        return attended, None
