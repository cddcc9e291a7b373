"""Modules as users write them: those that are what they look like, and those that only look so."""

from collections.abc import Callable
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations, prune

SHAPE = (2, 8, 8)
CLASSES = 5
Make = Callable[[], nn.Module]


class WrittenCnn(nn.Module):
    """Its forward is written out with functions; the head is made first."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(16, CLASSES)
        self.first = nn.Conv2d(2, 3, 3, padding=1)
        self.second = nn.Conv2d(3, 4, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.max_pool2d(torch.relu(self.first(x)), 2)
        x = functional.max_pool2d(functional.silu(self.second(x)), (2, 2))
        logits: Tensor = self.head(x.view(x.size(0), -1))
        return logits


class Residual(nn.Module):
    """A block beside its own inputs, then normalised."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(128, 6)
        self.inner = nn.Sequential(nn.Linear(6, 9), nn.GELU(), nn.Linear(9, 6))
        self.norm = nn.LayerNorm(6)
        self.head = nn.Linear(6, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x.flatten(1))
        logits: Tensor = self.head(self.norm(x + self.inner(x)))
        return logits


class Tokens(nn.Module):
    """A transformer of one block over the columns of both images, positions added."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.embed = nn.Linear(16, 6)
        self.positions = nn.Parameter(0.3 * torch.randn(1, 8, 6))
        self.block = block
        self.head = nn.Linear(6, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        batch, colours, height, width = x.shape
        x = x.permute(0, 3, 1, 2).reshape(batch, width, colours * height)
        logits: Tensor = self.head(self.block(self.embed(x) + self.positions).mean(dim=1))
        return logits


class RootMeanSquares(nn.Module):
    """A block as in newer language models: norms without means, and no shifts anywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.before, self.after = nn.RMSNorm(6), nn.LayerNorm(6, bias=False)
        self.up, self.down = nn.Linear(6, 9, bias=False), nn.Linear(9, 6, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.down(functional.silu(self.up(self.before(x))))
        normed: Tensor = self.after(x + inner)
        return normed


class OwnAttention(nn.Module):
    """Two heads, their products written out."""

    def __init__(self) -> None:
        super().__init__()
        self.joint, self.out = nn.Linear(6, 18, bias=False), nn.Linear(6, 6)
        self.norm = nn.LayerNorm(6, elementwise_affine=False)

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, width = x.shape
        joint = self.joint(self.norm(x)).view(batch, tokens, 3, 2, 3)
        q, k, v = joint.permute(2, 0, 3, 1, 4)
        weights = (q @ k.transpose(-2, -1) / 3**0.5).softmax(dim=-1)
        mixed = (weights @ v).transpose(1, 2).reshape(batch, tokens, width)
        return x + self.out(mixed)


class Mixer(nn.Module):
    """Mixes tokens, then channels; sums are taken in place. Some gradients are zero."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Conv2d(2, 6, 4, stride=4)
        self.first, self.second = nn.LayerNorm(6), nn.LayerNorm(6)
        self.tokens, self.channels = nn.Linear(4, 4), nn.Linear(6, 6)
        self.last, self.head = nn.LayerNorm(6), nn.Linear(6, CLASSES)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x).flatten(2).transpose(1, 2)
        x = x + self.act(self.tokens(self.first(x).transpose(1, 2))).transpose(1, 2)
        out = self.channels(self.second(x))
        out += x
        logits: Tensor = self.head(self.last(self.act(out)).mean(1))
        return logits


class ClassToken(nn.Module):
    """A vision transformer with torch's attention and a class token."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(2, 6, 4, stride=4)
        self.token = nn.Parameter(0.1 * torch.randn(1, 1, 6))
        self.positions = nn.Parameter(0.1 * torch.randn(5, 6))
        self.norm = nn.LayerNorm(6)
        self.attention = nn.MultiheadAttention(6, 2, batch_first=True)
        self.head = nn.Linear(6, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], dim=1) + self.positions
        normed = self.norm(x)
        x = x + self.attention(normed, normed, normed, need_weights=False)[0]
        logits: Tensor = self.head(x[:, 0])
        return logits


class Bottleneck(nn.Module):
    """A residual block that is convolved depth by depth and joined with its inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, 4, 3, padding="same", padding_mode="circular")
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.depthwise = nn.Conv2d(4, 8, 3, padding=2, dilation=2, groups=4, bias=False)
        self.norm = nn.GroupNorm(2, 8)
        self.pointwise = nn.Conv2d(8, 4, 1)
        self.small = nn.AdaptiveMaxPool2d((2, 2))
        self.head = nn.Linear(32, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.stem(x))
        inner = self.pointwise(functional.gelu(self.norm(self.depthwise(x))))
        logits: Tensor = self.head(self.small(torch.cat([x, inner + x], 1)).flatten(1))
        return logits


def encoder_layer(**options: Any) -> nn.Module:
    """Torch's block without dropout, samples first."""
    return nn.TransformerEncoderLayer(6, 2, 8, dropout=0.0, batch_first=True, **options)


WRITTEN: dict[str, Make] = {
    "cnn with functions": WrittenCnn,
    "residual": Residual,
    "torch's block": lambda: Tokens(encoder_layer()),
    "torch's block, norm first": lambda: Tokens(encoder_layer(norm_first=True, activation="gelu")),
    "own attention": lambda: Tokens(OwnAttention()),
    "norms without shifts": lambda: Tokens(RootMeanSquares()),
    "class token": ClassToken,
    "mixer": Mixer,
    "bottleneck": Bottleneck,
    "edges": lambda: nn.Sequential(
        nn.ZeroPad2d((1, 0, 2, 1)),
        nn.Conv2d(2, 3, 3, stride=2, padding=1, padding_mode="replicate"),
        nn.Tanh(),
        nn.AvgPool2d(3, stride=2, padding=1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(3, CLASSES),
    ),
}
"""Forwards that are written out."""


class NormedResidual(nn.Module):
    """Residual blocks with batch norms over channels, over features and over tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(2, 3, 3, bias=False), nn.BatchNorm2d(3)
        self.inner, self.bare = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3, affine=False, momentum=0.5)
        self.tokens = nn.BatchNorm1d(3, eps=1e-2, momentum=None)
        self.last, self.head = nn.BatchNorm1d(108, bias=False), nn.Linear(108, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.norm(self.first(x)))
        x = x + self.bare(self.inner(x))
        x = self.last(self.tokens(x.flatten(2)).flatten(1))
        logits: Tensor = self.head(x)
        return logits


def batch_normed(**options: Any) -> Make:
    """A CNN with batch norms, before which no layer has a bias."""
    return lambda: nn.Sequential(
        *(nn.Conv2d(2, 3, 3, stride=2, bias=False), nn.BatchNorm2d(3, **options), nn.Tanh()),
        *(nn.Flatten(), nn.Linear(27, 6, bias=False), nn.BatchNorm1d(6, **options), nn.Tanh()),
        nn.Linear(6, CLASSES),
    )


BATCH_NORMED: dict[str, Make] = {
    "as it is": batch_normed(),
    "mean of all batches": batch_normed(momentum=None),
    "the newest batch": batch_normed(momentum=1.0),
    "no batch": batch_normed(momentum=0.0),
    "without parameters": batch_normed(affine=False),
    "without shifts": batch_normed(bias=False, eps=1e-2),
    "without running statistics": batch_normed(track_running_stats=False),
    "residual": NormedResidual,
}
"""Nets whose samples depend on one another in training."""

ACTIVATIONS = st.sampled_from(
    [nn.ReLU, nn.LeakyReLU, nn.GELU, nn.SiLU, nn.Tanh, nn.Sigmoid, nn.Identity]
)


@st.composite
def chains(draw: st.DrawFn) -> Make:
    """A Sequential of known layers, as deep and nested as chance has it."""
    layers, shape = [], SHAPE
    for _ in range(draw(st.integers(0, 3))):
        made, shape = draw(_convolutional(shape))
        layers += made
    layers.append(nn.Flatten)
    width = shape[0] * shape[1] * shape[2]
    for _ in range(draw(st.integers(0, 2))):
        after = draw(st.integers(2, 7))
        layers += [_of(nn.Linear, width, after, bias=draw(st.booleans())), draw(ACTIVATIONS)]
        layers += draw(norms(after))
        width = after
    layers.append(_of(nn.Linear, width, CLASSES))
    cut = draw(st.integers(0, len(layers) - 1))

    def make() -> nn.Module:
        inner = nn.Sequential(*(layer() for layer in layers[:cut]))
        return nn.Sequential(inner, *(layer() for layer in layers[cut:]))

    return make


def norms(width: int) -> st.SearchStrategy[list[Make]]:
    """No norm over a dense layer's numbers, or one of any kind."""
    layers: list[list[Make]] = [
        [],
        [],
        [],
        [_of(nn.LayerNorm, width)],
        [_of(nn.LayerNorm, width, bias=False)],
        [_of(nn.LayerNorm, width, elementwise_affine=False)],
        [_of(nn.RMSNorm, width)],
        [_of(nn.RMSNorm, width, eps=1e-3, elementwise_affine=False)],
    ]
    return st.sampled_from(layers)


def _of(kind: type[nn.Module], *sizes: int, **options: Any) -> Make:
    return lambda: kind(*sizes, **options)


@st.composite
def _convolutional(
    draw: st.DrawFn, shape: tuple[int, int, int]
) -> tuple[list[Make], tuple[int, int, int]]:
    """A convolution and what follows it, with the shape that it leaves."""
    channels, height, width = shape
    kernel = draw(st.integers(1, min(3, height, width)))
    stride, padding = draw(st.integers(1, 2)), draw(st.integers(0, kernel // 2))
    groups = draw(st.sampled_from([g for g in (1, 2, 3, 4) if channels % g == 0]))
    after = groups * draw(st.integers(1, -(-4 // groups)))
    dilation = 2 if 2 * (kernel - 1) + 1 <= min(height, width) and draw(st.booleans()) else 1
    options: dict[str, Any] = {
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
        "groups": groups,
    }
    if padding < min(height, width):
        modes = ["zeros", "reflect", "replicate", "circular"]
        options["padding_mode"] = draw(st.sampled_from(modes))
    layers = [_of(nn.Conv2d, channels, after, kernel, **options)]
    span = dilation * (kernel - 1) + 1
    height, width = ((side + 2 * padding - span) // stride + 1 for side in (height, width))
    if draw(st.booleans()) and after * height * width > 1:
        layers.append(_of(nn.GroupNorm, 1, after, bias=draw(st.booleans())))
    layers.append(draw(ACTIVATIONS))
    if min(height, width) >= 2 and draw(st.booleans()):
        pad = draw(st.integers(0, 1))
        layers.append(_of(draw(st.sampled_from([nn.MaxPool2d, nn.AvgPool2d])), 2, padding=pad))
        height, width = ((side + 2 * pad) // 2 for side in (height, width))
    return layers, (after, height, width)


def plain() -> nn.Sequential:
    """A chain that every kernel knows."""
    return nn.Sequential(nn.Flatten(), nn.Linear(128, 6), nn.ReLU(), nn.Linear(6, CLASSES))


class Doubled(nn.Linear):
    """A linear layer with a forward of its own."""

    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


class Quiet(nn.Linear):
    """A linear layer with a name of its own."""


class OfFunction(nn.Module):
    """What a user writes for a function between layers."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Any:
        return self.function(x)


class Counting(nn.Module):
    """It does something else from its third call on."""

    def __init__(self) -> None:
        super().__init__()
        self.calls, self.body = 0, plain()

    def forward(self, x: Tensor) -> Any:
        self.calls += 1
        return self.body(x) * (1 if self.calls < 100 else 2)


class ByMode(nn.Module):
    """It computes differently in evaluation."""

    def __init__(self) -> None:
        super().__init__()
        self.body = plain()

    def forward(self, x: Tensor) -> Any:
        return self.body(x) if self.training else 2.0 * self.body(x)


class Twice(nn.Module):
    """It calls a layer twice."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.body = nn.Linear(128, 128), plain()

    def forward(self, x: Tensor) -> Any:
        return self.body(self.inner(self.inner(x.flatten(1)).tanh()))


class Tied(nn.Module):
    """Two layers share a weight."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = nn.Linear(128, 128), nn.Linear(128, 128)
        self.other.weight = self.one.weight
        self.head = nn.Linear(128, CLASSES)

    def forward(self, x: Tensor) -> Any:
        return self.head(self.other(self.one(x.flatten(1)).relu()))


class SharedMemory(nn.Module):
    """Two parameters lie in one memory."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = nn.Linear(128, 128), nn.Linear(128, 128)
        self.other.weight = nn.Parameter(self.one.weight.detach())
        self.head = nn.Linear(128, CLASSES)

    def forward(self, x: Tensor) -> Any:
        return self.head(self.other(self.one(x.flatten(1)).relu()))


class Buffered(nn.Module):
    """It adds a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.body = plain()
        self.register_buffer("shift", torch.ones(CLASSES))

    def forward(self, x: Tensor) -> Any:
        return self.body(x) + self.shift


class Unused(nn.Module):
    """A layer that it never calls."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.spare = plain(), nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Any:
        return self.body(x)


class Gradientless(nn.Module):
    """Its first layer gets no gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.body = nn.Linear(128, 128), plain()

    def forward(self, x: Tensor) -> Any:
        with torch.no_grad():
            x = self.first(x.flatten(1))
        return self.body(x)


class SumInPlace(nn.Module):
    """Its sum is seen by the name that it had before."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.inner = nn.Linear(128, 6), nn.Linear(6, 6)
        self.head = nn.Linear(6, CLASSES)

    def forward(self, x: Tensor) -> Any:
        x = self.embed(x.flatten(1))
        y = self.inner(x)
        z = y
        z += x
        return self.head(y)


class InPlace(nn.Module):
    """Its sum takes the inner activation for its inputs: that is done in place."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.act = nn.Linear(128, 6), nn.ReLU(inplace=True)
        self.inner, self.head = nn.Linear(6, 6), nn.Linear(6, CLASSES)

    def forward(self, x: Tensor) -> Any:
        x = self.embed(x.flatten(1))
        return self.head(x + self.inner(self.act(x)))


def _changed(change: Callable[[nn.Sequential], object]) -> Make:
    def make() -> nn.Module:
        net = plain()
        change(net)
        return net

    return make


def _between(function: Callable[..., Any]) -> Make:
    return lambda: nn.Sequential(OfFunction(function), *plain())


def _instead(number: int, layer: Callable[[], nn.Module]) -> Make:
    return _changed(lambda net: net.__setitem__(number, layer()))


def _images(*layers: Callable[[], nn.Module]) -> Make:
    """Layers over images before a head over what they leave."""

    def make() -> nn.Module:
        body = nn.Sequential(*(layer() for layer in layers), nn.Flatten())
        width = body.eval()(torch.zeros(2, *SHAPE)).shape[1]
        return nn.Sequential(body.train(), nn.Linear(width, CLASSES))

    return make


def _no_step(parameter: Tensor) -> None:
    assert parameter.grad is not None
    parameter.grad.zero_()


def _forward_set(net: nn.Sequential) -> None:
    net[2].forward = lambda x: 0.5 * x


class Named(nn.BatchNorm1d):
    """A batch norm with a name of its own."""


class Normed(nn.Module):
    """Two batch norms, of which a subclass does something else."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.inner = nn.Linear(128, 6), nn.Linear(6, 6)
        self.norm, self.other = nn.BatchNorm1d(6), nn.BatchNorm1d(6)
        self.head = nn.Linear(6, CLASSES)

    def forward(self, x: Tensor) -> Any:
        x = self.norm(self.embed(x.flatten(1)))
        return self.head(self.other(self.inner(x)))


class NormFrozen(Normed):
    """Its first norm stays in evaluation."""

    def train(self, mode: bool = True) -> "NormFrozen":
        super().train(mode)
        self.norm.eval()
        return self


class NormReset(Normed):
    """Its running statistics begin anew with each epoch."""

    def train(self, mode: bool = True) -> "NormReset":
        if mode:
            self.norm.reset_running_stats()
        return super().train(mode)


class NormWarming(Normed):
    """Its momentum falls while it trains."""

    def forward(self, x: Tensor) -> Any:
        self.norm.momentum = 0.9 * (self.norm.momentum or 0.0)
        return super().forward(x)


class NormByMode(Normed):
    """Its momentum is another in training."""

    def train(self, mode: bool = True) -> "NormByMode":
        self.norm.momentum = 0.3 if mode else 0.1
        return super().train(mode)


class NormRead(Normed):
    """It reads a running mean."""

    def forward(self, x: Tensor) -> Any:
        return super().forward(x) * (2.0 if self.norm.running_mean.max() > 100 else 1.0)


class NormCounted(Normed):
    """It reads how many batches it has seen."""

    def forward(self, x: Tensor) -> Any:
        return super().forward(x) * (2.0 if self.norm.num_batches_tracked > 100 else 1.0)


class NormCounting(Normed):
    """The same, where torch reads that, too."""

    def __init__(self) -> None:
        super().__init__()
        self.norm.momentum = None

    def forward(self, x: Tensor) -> Any:
        logits = super().forward(x)
        count = self.norm.num_batches_tracked
        return logits * (1.0 if count is None or float(count) < 100 else 2.0)


class NormShared(Normed):
    """It calls a norm without parameters twice."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = self.other = nn.BatchNorm1d(6, affine=False)


class NormOfAnother(Normed):
    """A norm moves the running statistics of another."""

    def __init__(self) -> None:
        super().__init__()
        self.other.running_mean, self.other.running_var = (
            self.norm.running_mean,
            self.norm.running_var,
        )


class NormByHand(Normed):
    """It calls torch's function with a momentum of its own."""

    def forward(self, x: Tensor) -> Any:
        x, norm = self.embed(x.flatten(1)), self.norm
        running = norm.running_mean, norm.running_var
        x = functional.batch_norm(x, *running, norm.weight, norm.bias, self.training, momentum=0.7)
        return self.head(self.other(self.inner(x)))


class NormUnused(Normed):
    """Its first norm, without parameters, is never called."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(6, affine=False)

    def forward(self, x: Tensor) -> Any:
        return self.head(self.other(self.inner(self.embed(x.flatten(1)))))


def _normed(change: Callable[[Normed], object]) -> Make:
    def make() -> nn.Module:
        net = Normed()
        change(net)
        return net

    return make


def _counted(net: Normed) -> None:
    net.norm.momentum = None
    assert net.norm.num_batches_tracked is not None
    net.norm.num_batches_tracked += 5


_NORMS_THAT_ONLY_LOOK_KNOWN: dict[str, Make] = {
    "subclass": _normed(lambda net: setattr(net, "norm", Named(6))),
    "synchronised": _normed(lambda net: setattr(net, "norm", nn.SyncBatchNorm(6))),
    "frozen": NormFrozen,
    "reset": NormReset,
    "warming": NormWarming,
    "by mode": NormByMode,
    "read": NormRead,
    "counted": NormCounted,
    "counting": NormCounting,
    "shared": NormShared,
    "of another": NormOfAnother,
    "by hand": NormByHand,
    "unused": NormUnused,
    "hook": _normed(lambda net: net.norm.register_forward_hook(lambda *a: 2 * a[-1])),
    "frozen weight": _normed(lambda net: net.norm.weight.requires_grad_(False)),
    "no longer tracked": _normed(lambda net: setattr(net.norm, "track_running_stats", False)),
    "begun before": _normed(_counted),
    "evaluation alone": _normed(lambda net: setattr(net.norm, "train", lambda _: net.norm)),
    "buffer beside": _normed(lambda net: net.norm.register_buffer("more", torch.zeros(6))),
}

ONLY_LOOK_KNOWN: dict[str, Make] = {
    "subclass with a forward": _instead(1, lambda: Doubled(128, 6)),
    "subclass with a name": _instead(1, lambda: Quiet(128, 6)),
    "forward hook": _changed(lambda net: net[1].register_forward_hook(lambda *a: 2 * a[-1])),
    "pre hook": _changed(lambda net: net[1].register_forward_pre_hook(lambda _, x: (2 * x[0],))),
    "backward hook": _changed(
        lambda net: net[1].register_full_backward_hook(lambda _, given, __: (None,))
    ),
    "tensor hook": _changed(lambda net: net[1].weight.register_hook(lambda g: 0 * g)),
    "step hook": _changed(lambda net: net[1].weight.register_post_accumulate_grad_hook(_no_step)),
    "forward of an instance": _changed(_forward_set),
    "parametrization": _changed(lambda net: parametrizations.orthogonal(net[3])),
    "weight norm": _changed(lambda net: parametrizations.weight_norm(net[1])),
    "pruned": _changed(lambda net: prune.l1_unstructured(net[1], "weight", 0.5)),
    "frozen": _changed(lambda net: net[1].weight.requires_grad_(False)),
    "dropout": _instead(2, lambda: nn.Dropout(0.5)),
    "instance norm": _images(lambda: nn.InstanceNorm2d(2)),
    **{f"batch norm, {name}": make for name, make in _NORMS_THAT_ONLY_LOOK_KNOWN.items()},
    "slope": _instead(2, lambda: nn.LeakyReLU(0.2)),
    "approximate gelu": _instead(2, lambda: nn.GELU(approximate="tanh")),
    "an activation that kernels lack": _instead(2, nn.Softplus),
    "lambda": _between(lambda x: x.sign() * x),
    "squared": _between(lambda x: x * x),
    "branch on data": _between(lambda x: x if x.sum() > 0 else 2.0 * x),
    "branch on the batch": _between(lambda x: x if len(x) > 2 else 2.0 * x),
    "branch on the batch's shape": _between(lambda x: x if x.shape[0] > 2 else 2.0 * x),
    "across the batch": _between(lambda x: x + x.mean(0)),
    "detached": lambda: nn.Sequential(
        *plain()[:3], OfFunction(torch.detach), nn.Linear(6, CLASSES)
    ),
    "a constant": _between(lambda x: x + torch.ones(8)),
    "bfloat16": _between(lambda x: x.bfloat16().float()),
    "counting": Counting,
    "by mode": ByMode,
    "layer called twice": Twice,
    "tied": Tied,
    "shared memory": SharedMemory,
    "buffer": Buffered,
    "unused": Unused,
    "no gradient": Gradientless,
    "in place": InPlace,
    "sum in place": SumInPlace,
    "ceil mode": _images(lambda: nn.MaxPool2d(3, ceil_mode=True)),
    "dilated pooling": _images(lambda: nn.MaxPool2d(3, dilation=2)),
    "uneven adaptive pooling": _images(lambda: nn.AdaptiveAvgPool2d(3)),
    "without padding counted": _images(lambda: nn.AvgPool2d(3, padding=1, count_include_pad=False)),
    "transposed": _images(lambda: nn.ConvTranspose2d(2, 3, 3)),
    "causal": lambda: Tokens(
        OfFunction(lambda x: functional.scaled_dot_product_attention(x, x, x, is_causal=True))
    ),
    "without gradients": _between(lambda x: x if torch.is_grad_enabled() else 2.0 * x),
    "samples second": lambda: Tokens(nn.TransformerEncoderLayer(6, 2, 8, dropout=0.0)),
    "attention dropout": lambda: Tokens(nn.TransformerEncoderLayer(6, 2, 8, batch_first=True)),
}
"""Not to be taken for what they look like; torch trains them."""
