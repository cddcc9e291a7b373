"""Small nets, data and reference Hessians by torch.func.hessian."""

import warnings

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, hessian
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from emc.curvature.objective import Objective
from emc.native.preconditioner import LayerInverse
from emc.nets.layers import Conv, Dense, Layers, initial

PLAIN = Objective()
OBJECTIVES = [
    PLAIN,
    Objective(label_smoothing=0.1, weight_decay=0.03),
    Objective("squared-error", weight_decay=0.5),
]


def mlp(activation: str = "tanh", *, inputs: int = 6, width: int = 5, classes: int = 4) -> Layers:
    return (
        Dense(inputs, width, True, activation),
        Dense(width, width, False, activation),
        Dense(width, classes, True, "identity"),
    )


def cnn(activation: str = "relu") -> Layers:
    """Two stages on 2x7x9 images: both sides are odd where they are pooled first."""
    return (
        Conv(2, 2, 7, 9, activation),
        Conv(2, 3, 3, 4, activation),
        Dense(3 * 1 * 2, 4, True, "identity"),
    )


class Attention(nn.Module):
    """Tokens [batch, 4, 6] through an embedding, one block of attention, and a mean."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(6, 4)
        self.position = nn.Parameter(torch.linspace(-1, 1, 16).reshape(4, 4))
        self.norm = nn.LayerNorm(4)
        self.attend = nn.MultiheadAttention(4, 2, dropout=0.5, batch_first=True)
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x) + self.position
        y = self.norm(x)
        x = x + self.attend(y, y, y, need_weights=False)[0]
        return self.head(functional.gelu(x).mean(1))


def parameters(layers: Layers, seed: int = 0) -> dict[str, np.ndarray]:
    return initial(layers, "torch", np.random.default_rng(seed))


def state(module: nn.Module) -> dict[str, np.ndarray]:
    return {name: value.numpy(force=True) for name, value in module.named_parameters()}


def samples(n: int, *shape: int, classes: int = 4, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    return draw.normal(size=(n, *shape)).astype(np.float32), draw.integers(classes, size=n)


def reference_loss(objective: Objective, logits: Tensor, labels: Tensor) -> Tensor:
    if objective.loss == "squared-error":
        return functional.mse_loss(logits, functional.one_hot(labels, logits.shape[1]).double())
    return functional.cross_entropy(logits, labels, label_smoothing=objective.label_smoothing)


def reference_hessian(
    module: nn.Module, inputs: np.ndarray, labels: np.ndarray, objective: Objective
) -> np.ndarray:
    """The dense Hessian in float64, by torch alone.

    By reverse over reverse for normalisation by the data, with whose weights torch.func.hessian
    (2.14) gives a matrix that is not symmetric.
    """
    module = module.double().eval()
    by_data = (nn.LayerNorm, nn.BatchNorm1d, nn.BatchNorm2d)
    names = {name: value.detach() for name, value in module.named_parameters()}
    sizes = [value.numel() for value in names.values()]
    x, y = torch.from_numpy(inputs).double(), torch.from_numpy(labels)

    def loss(flat: Tensor) -> Tensor:
        parts = zip(names.items(), flat.split(sizes), strict=True)  # type: ignore[no-untyped-call]
        named = {name: part.reshape(value.shape) for (name, value), part in parts}
        decay = objective.weight_decay / 2 * flat.square().sum()
        return reference_loss(objective, functional_call(module, named, (x,)), y) + decay

    flat = torch.cat([value.flatten() for value in names.values()])
    with warnings.catch_warnings(), sdpa_kernel(SDPBackend.MATH):
        warnings.filterwarnings("ignore", "`torch.jit.script` is deprecated", FutureWarning)
        if any(isinstance(part, by_data) for part in module.modules()):
            return torch.autograd.functional.hessian(loss, flat).numpy()
        return hessian(loss)(flat).numpy()


class Squared(torch.autograd.Function):
    """An operation without forward derivatives."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x * x

    @staticmethod
    def setup_context(ctx: object, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)  # type: ignore[attr-defined]

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors  # type: ignore[attr-defined]
        return 2 * x * gradient


def of_unit(layer: LayerInverse) -> np.ndarray:
    """The matrix by which a preconditioner multiplies one unit's weights and bias."""
    identity = np.eye(layer.inputs + layer.bias)
    return layer.factor * (identity - layer.directions.T @ layer.directions)
