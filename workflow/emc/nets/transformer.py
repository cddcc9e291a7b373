"""A vision transformer as plain sizes, without torch."""

from dataclasses import dataclass
from math import prod


@dataclass(frozen=True, slots=True)
class Transformer:
    """Torchvision's VisionTransformer on images of `colours` x `side` x `side` pixels.

    The hidden layer of each block's MLP is four times as wide as a token and followed by
    `activation`; nothing is dropped out.
    """

    colours: int
    side: int
    patch: int
    depth: int
    width: int
    heads: int
    activation: str
    classes: int

    @property
    def tokens(self) -> int:
        """Tokens of an image: its patches and the class token."""
        return (self.side // self.patch) ** 2 + 1

    @property
    def pixels(self) -> int:
        """Numbers of a patch."""
        return self.colours * self.patch**2

    @property
    def multiply_adds(self) -> int:
        """Those that the logits of one sample take; of the last block the class token's only."""
        blocks = (self.depth - 1) * self._of_tokens(self.tokens) + self._of_tokens(1)
        embedding = (self.tokens - 1) * self.pixels * self.width
        return embedding + blocks + self.width * self.classes

    def _of_tokens(self, queries: int) -> int:
        """The same of a block that updates so many tokens."""
        width, tokens = self.width, self.tokens
        dense = 2 * tokens + 10 * queries
        return dense * width**2 + 2 * queries * tokens * width

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the parameters in the order in which torch lists them."""
        width = self.width
        return {
            "class_token": (1, 1, width),
            "conv_proj.weight": (width, self.colours, self.patch, self.patch),
            "conv_proj.bias": (width,),
            "encoder.pos_embedding": (1, self.tokens, width),
            **{
                f"encoder.layers.encoder_layer_{number}.{name}": shape
                for number in range(self.depth)
                for name, shape in self._of_block.items()
            },
            "encoder.ln.weight": (width,),
            "encoder.ln.bias": (width,),
            "heads.head.weight": (self.classes, width),
            "heads.head.bias": (self.classes,),
        }

    @property
    def _of_block(self) -> dict[str, tuple[int, ...]]:
        width = self.width
        return {
            "ln_1.weight": (width,),
            "ln_1.bias": (width,),
            "self_attention.in_proj_weight": (3 * width, width),
            "self_attention.in_proj_bias": (3 * width,),
            "self_attention.out_proj.weight": (width, width),
            "self_attention.out_proj.bias": (width,),
            "ln_2.weight": (width,),
            "ln_2.bias": (width,),
            "mlp.0.weight": (4 * width, width),
            "mlp.0.bias": (4 * width,),
            "mlp.3.weight": (width, 4 * width),
            "mlp.3.bias": (width,),
        }

    @property
    def size(self) -> int:
        """Number of parameters."""
        return sum(map(prod, self.shapes.values()))
