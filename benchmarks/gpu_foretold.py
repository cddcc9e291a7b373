"""What the persistent kernel should do on a card, by counted operations: none is needed."""

from typing import Any, Final

from gpu_common import Net, cnn, mlp, procedure, replicas, vit, vit_of_mnist
from gpu_training import eager_step

from emc.engine.card_models import CardModel, card_model
from emc.engine.persistent.launch import THREADS
from emc.engine.persistent.layout import layout_of
from emc.engine.persistent.placement import placement
from emc.engine.persistent.refusal import block_net
from emc.errors import EmcError
from emc.measurement.counted import in_a_block, on_processor

_BATCH: Final = 128
_MOST_THREADS: Final = 2048
"""Of a multiprocessor that trains nets (compute capabilities 7.0, 8.0 and 9.0)."""
_OPERATION: Final = 5e-6
"""Seconds that torch takes from Python to the card for one operation, about: an assumption."""
_NETS: Final = (
    ("MLP 64-16-16-10, ReLU", mlp()),
    ("MLP 64-64-64-10, ReLU", mlp(64)),
    ("CNN of 4 and 8 channels, 28 x 28, ReLU", cnn(4)),
    ("CNN of 8 and 16 channels, 28 x 28, ReLU", cnn(8)),
    ("ViT of 8 x 8 pixels, patches of 4, a block of width 16, GELU", vit()),
    ("ViT of 28 x 28 pixels, patches of 4, two blocks of width 8, ReLU", vit_of_mnist()),
)
_HEADS: Final = (
    "net", "parameters", "samples at a time", "blocks per multiprocessor", "of its threads",
    "card", "core", "eager loop", "card over eager",
)  # fmt: skip


def foretell(told: str) -> None:
    """Print a table for a model of a card. Raises EmcError where the model is not known."""
    model = card_model(told)
    if not model.listed:
        raise EmcError(f"--foretold: expected a known model such as 'NVIDIA H200', found {told!r}")
    print(f"Counted for {told}, batches of {_BATCH}, in million samples/s; nothing was timed.\n")
    print(f"| {' | '.join(_HEADS)} |\n|{' --- |' * len(_HEADS)}")
    for what, net in _NETS:
        print(f"| {what} | {' | '.join(counted(net, model))} |", flush=True)


def counted(net: Net, model: CardModel) -> list[str]:
    """The cells of a row but for the first."""
    known = block_net(procedure(net))
    placed = placement(known, model.limits)
    blocks = placed.blocks_at_once * model.multiprocessors
    card, eager = blocks / in_a_block(known, _BATCH, model), _BATCH / eager_seconds(net)
    return [
        f"{layout_of(known).parameters:,}",
        str(placed.rows),
        str(placed.blocks_at_once),
        f"{placed.blocks_at_once * THREADS / _MOST_THREADS:.0%}",
        *(millions(each) for each in (card, 1 / on_processor(known), eager)),
        f"{card / eager:,.0f}",
    ]


def millions(rate: float) -> str:
    """Three digits of it, and no exponent."""
    return f"{rate / 1e6:,.0f}" if rate >= 1e9 else f"{rate / 1e6:.3g}"


def eager_seconds(net: Net) -> float:
    """Of a step of the usual loop, where the card is never what one waits for."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    class Counting(TorchDispatchMode):  # type: ignore[no-untyped-call]
        """Counts what is computed; views are free."""

        operations: int = 0

        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            self.operations += not func.is_view
            return func(*args, **(kwargs or {}))

    (given,) = replicas(1, net, n=_BATCH)
    x, y = torch.from_numpy(given.inputs), torch.from_numpy(given.labels)
    step = eager_step(net, "cpu")
    step(x, y)
    with Counting() as counting:  # type: ignore[no-untyped-call]
        step(x, y)
    return float(counting.operations * _OPERATION)
