"""Whether numbers of the card are those of the processor, and of a run resumed."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from unittest.mock import patch

import numpy as np
from gpu_common import CLASSES, N, Net, Row, apart, mlp, procedure, replicas, vit

from emc.engine import Procedure, Replica, Update
from emc.engine.checkpoint import Snapshot
from emc.engine.choose import back_end
from emc.engine.procedure import TrainedRun
from emc.errors import EmcError


def certificates(device: str) -> Iterator[Row]:
    from emc.curvature import EndPoint, Objective, certify_end_points, chunks
    from emc.nets.module import module

    asked, given = procedure(mlp()), replicas(2, mlp(), n=600)
    runs = back_end(asked, "cpu", "sequential").run(asked, given)
    ends = [
        EndPoint(run.parameters, one.inputs[one.rows], one.labels, plateau=0.0, seed=one.seed)
        for run, one in zip(runs, given, strict=True)
    ]
    began = perf_counter()
    here = certify_end_points(mlp(), ends, Objective())
    yield Row("certificate, kernels", "s", [(perf_counter() - began) / len(ends)])
    for chunk in (512, chunks.chunk_on(device)):
        with patch.object(chunks, "chunk_on", return_value=chunk):
            began = perf_counter()
            there = certify_end_points(partial(module, mlp()), ends, Objective(), device=device)
            spent = (perf_counter() - began) / len(ends)
        off = max(abs(a.lambda_min - b.lambda_min) for a, b in zip(there, here, strict=True))
        note = f"lambda_min differs by {off:.1e}"
        yield Row(f"certificate, torch, chunks of {chunk}", "s", [spent], note)


@dataclass
class Once:
    """Checkpoints that are kept, and end the call at one of them."""

    at: int
    saves: int = 0
    kept: Snapshot | None = None

    def load(self) -> Snapshot | None:
        """What was saved last."""
        return self.kept

    def due(self) -> bool:
        """Always."""
        return True

    def save(self, snapshot: Snapshot) -> None:
        """Keep it."""
        self.kept, self.saves = snapshot, self.saves + 1
        if self.saves == self.at:
            raise KeyboardInterrupt


def bits(device: str) -> Iterator[Row]:
    for name in ("sequential", "vmap", "compiled", "persistent"):
        yield repeatable(f"MLP, {name}", name, mlp(), device)
    yield repeatable("ViT, persistent", "persistent", vit(), device)
    yield from modules(device)


def repeatable(what: str, name: str, net: Net, device: str) -> Row:
    asked, given = procedure(net), replicas(16, net)
    try:
        call = partial(back_end(asked, device, name).run, asked, given)
        return Row(f"{what}: largest difference", note=differences(call))
    except EmcError as error:
        return Row(what, note=str(error).splitlines()[0])


def differences(call: Callable[..., list[TrainedRun]]) -> str:
    """Of a second run, and of one that is killed and goes on."""
    first, kept = call(), Once(2)
    with suppress(KeyboardInterrupt):
        call(kept)
    return f"again {apart(call(), first):.1e}, killed and resumed {apart(call(kept), first):.1e}"


def modules(device: str) -> Iterator[Row]:
    from torch import nn

    def dropping() -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Dropout(0.2), nn.Linear(64, CLASSES))

    draw = np.random.default_rng(2)
    for kind, made, shape in (("ViT", vit(), (1, 8, 8)), ("a net with dropout", dropping, (64,))):
        inputs = draw.standard_normal((N, *shape)).astype(np.float32)
        given = [Replica(inputs, np.arange(64), np.arange(64) % CLASSES, 1, 1e-3)]
        asked = Procedure(CLASSES, Update("sgd"), module=made, epochs=3)
        trainer = back_end(asked, device)
        runs = trainer.run(asked, given)
        expected = back_end(asked, "cpu", "sequential").run(asked, given)
        note = f"{trainer.name}, off by {apart(runs, expected):.1e} from the processor"
        yield Row(kind, note=note)
