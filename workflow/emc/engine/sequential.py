"""One replica after another with torch.nn and torch.optim: the definition of all back ends.

The step is written down in `emc.engine.optimizer`.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from emc.engine.batches import Batches, epoch_batches
from emc.engine.check import check
from emc.engine.checkpoint import NO_CHECKPOINTS, Checkpoints, Ledger, Snapshot
from emc.engine.fresh import check_logits, fresh, head_places, weights
from emc.engine.objective import check_shape, hits
from emc.engine.one_replica import one_replica
from emc.engine.order import epochs
from emc.engine.procedure import Procedure, Replica, TrainedRun
from emc.engine.progress import Measured, Progress
from emc.engine.schedule import learning_rates
from emc.engine.training_state import UnsaveableError, take_up, training_state
from emc.errors import EmcError, one_line
from emc.nets.arithmetic import exact_float32
from emc.nets.inspection import mixes
from emc.nets.noise import GeneratorState, seeded
from emc.seeds import derive

_ROWS_AT_ONCE = 2048

log = logging.getLogger(__name__)


class Sequential:
    """Trains any net, slowly, as one would write it down; no other back end may differ."""

    name = "sequential"

    def __init__(self, device: str) -> None:
        """Train on `device`, "cpu" or "cuda"."""
        self._device = torch.device(device)

    def refuses(self, procedure: Procedure) -> str | None:  # noqa: ARG002
        """Nothing: every procedure that the engine knows."""
        return None

    def run(
        self,
        procedure: Procedure,
        replicas: Sequence[Replica],
        checkpoints: Checkpoints = NO_CHECKPOINTS,
    ) -> list[TrainedRun]:
        """Train every replica and answer in their order.

        Raises:
            EmcError: samples, labels or net do not fit the procedure.
        """
        check(self, procedure, replicas)
        ledger = Ledger(checkpoints, self.name)
        with exact_float32():
            for number, replica in enumerate(replicas):
                if number not in ledger.runs:
                    ledger.runs[number] = self._train(procedure, replica, ledger)
                    ledger.save_if_due(lambda: None)
        return ledger.in_order()

    def _train(self, procedure: Procedure, replica: Replica, ledger: Ledger) -> TrainedRun:
        # Layers that draw while they train (dropout) draw from the replica's own stream.
        with seeded(derive(replica.seed, "noise"), self._device):
            training = _Training(procedure, replica, self._device)
            if kept := ledger.take_under_way():
                training.take_up(kept)
            return training.run(ledger)


class _Training:
    def __init__(self, procedure: Procedure, replica: Replica, device: torch.device) -> None:
        self._procedure, self._replica = procedure, replica
        self._net = fresh(procedure, replica.seed).to(device)
        self._x = torch.from_numpy(replica.inputs[replica.rows]).to(device)
        self._labels = torch.from_numpy(replica.labels.copy()).to(device)
        check_logits(self._net, self._x[:2], procedure.classes)
        self._trained = [p for p in self._net.parameters() if p.requires_grad]
        head = head_places(procedure, self._net, self._x[:2])
        self._optimizer = one_replica(procedure.optimizer, self._trained, replica.lr, head)
        self._rates = learning_rates(procedure, replica.n, replica.lr)
        self._progress = Progress(procedure, replica.n)
        self._gradients = 0
        self._last_failed = 0

    def take_up(self, kept: Snapshot) -> None:
        """Go on from a snapshot of this replica's training."""
        parts = kept.parts()
        self._progress = Progress.taken_up(self._procedure, self._replica.n, parts["progress"])
        take_up(self._net, self._optimizer, parts["state"])

    def run(self, ledger: Ledger) -> TrainedRun:
        replica, progress = self._replica, self._progress
        orders = partial(epochs, replica.seed, replica.n)
        start = time.perf_counter() - progress.seconds
        for batches in epoch_batches(self._procedure, replica.n, orders, progress.epochs):
            self._epoch(batches)
            if progress.wants_gradient:
                progress.judge(self._gradient_norm())
            progress.close()
            if progress.ended is not None:
                break
            progress.seconds = time.perf_counter() - start
            ledger.save_if_due(self._snapshot)
        end = Measured(self._correct(0), self._loss(), self._gradient_norm(), weights(self._net))
        progress.seconds = time.perf_counter() - start
        return progress.run(end, Sequential.name)

    def _snapshot(self) -> Snapshot | None:
        try:
            state = training_state(self._net, self._optimizer)
        except UnsaveableError as error:
            name = self._procedure.update.name
            log.info("a replica under way cannot be saved: optimizer %r: %s", name, error)
            return None
        return Snapshot.of({"progress": self._progress.snapshot(), "state": state})

    def _epoch(self, batches: Batches) -> None:
        losses = self._steps(batches)
        taken, self._gradients = self._gradients, 0
        self._progress.add_epoch(
            losses,
            [len(batch) for batch in batches],
            gradients=taken,
            finite=all(bool(p.isfinite().all()) for p in self._trained),
            correct=self._correct(self._progress.correct_needed),
        )

    def _steps(self, batches: Batches) -> np.ndarray:
        self._net.train()
        rows = torch.from_numpy(np.concatenate(batches)).to(self._x.device)
        losses = [
            self._step(batch, self._progress.steps + step)
            for step, batch in enumerate(torch.split(rows, [len(batch) for batch in batches]))
        ]
        return torch.stack(losses).cpu().numpy()

    def _step(self, batch: Tensor, step: int) -> Tensor:
        for group in self._optimizer.param_groups:
            group["lr"] = float(self._rates[step])
        closure = self._closure(batch)
        if self._procedure.optimizer.gradients != 1:
            return self._optimizer.step(closure)  # type: ignore[arg-type, return-value]
        loss = closure()
        self._optimizer.step()
        return loss

    def _closure(self, batch: Tensor) -> Callable[[], Tensor]:
        """Computes gradient and loss, with the same draws at each call of a step.

        Running statistics see the first call alone.
        """
        first: list[Tensor] = []
        draws = GeneratorState(self._x.device)

        def closure() -> Tensor:
            self._optimizer.zero_grad()
            draws.restore()
            loss = self._optimised(self._logits(batch), self._labels[batch])
            torch.autograd.backward(loss)
            if not self._procedure.optimizer.skips_unused:
                self._fill_gradients()
            self._gradients += len(batch)
            if first:
                _restore(self._net, first)
            else:
                first.extend(buffer.clone() for buffer in self._net.buffers())
            return loss.detach()

        return closure

    def _logits(self, batch: Tensor) -> Tensor:
        """Those in training, of samples of these numbers.

        Raises:
            EmcError: the net does not take a batch of one, as batch norms do not.
        """
        try:
            logits: Tensor = self._net(self._x[batch])
        except ValueError as error:
            if len(batch) > 1:
                raise
            raise EmcError(
                f"{type(self._net).__name__} fails in training on a batch of 1 of"
                f" {self._replica.n} samples: {one_line(error)} (in the batch order"
                " 'stream' none is smaller than both batch and n)"
            ) from error
        return logits

    def _fill_gradients(self) -> None:
        """Zero where the loss depends on no such weight: decay, part of the loss, moves it too."""
        for p in self._trained:
            if p.grad is None:
                p.grad = torch.zeros_like(p)

    def _optimised(self, logits: Tensor, labels: Tensor) -> Tensor:
        procedure = self._procedure
        check_shape(type(self._net).__name__, logits, len(labels), procedure.classes)
        return _criterion(procedure, procedure.label_smoothing)(logits, labels)

    @torch.no_grad()
    def _correct(self, needed: int) -> int:
        """Samples that are classified rightly in evaluation mode.

        Where fewer than `needed` are, the count stops once that is clear, with any smaller number;
        it starts where it last stopped.
        """
        self._net.eval()
        chunks = list(self._chunks())
        most = self._replica.n
        for place in (*range(self._last_failed, len(chunks)), *range(self._last_failed)):
            x, labels = chunks[place]
            most -= len(x) - int(hits(self._net(x), labels).sum())
            if most < needed:
                self._last_failed = place
                break
        return most

    @torch.no_grad()
    def _loss(self) -> float:
        """Mean loss over all samples, without smoothing, in evaluation mode."""
        self._net.eval()
        plain = _criterion(self._procedure, smoothing=0.0)
        losses = [float(plain(self._net(x), labels)) * len(x) for x, labels in self._chunks()]
        return sum(losses) / self._replica.n

    def _gradient_norm(self) -> float:
        """Norm of the gradient of the optimised mean loss over all samples, with its decay."""
        self._net.eval()
        self._optimizer.zero_grad()
        for x, labels in self._chunks():
            loss = self._optimised(self._net(x), labels) * (len(x) / self._replica.n)
            torch.autograd.backward(loss)
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in self._trained]
        optimised = map(self._procedure.optimizer.with_decay, gradients, self._trained)
        squares = [each.detach().double().square().sum() for each in optimised]
        return float(torch.stack(squares).sum().sqrt())

    def _chunks(self) -> Iterator[tuple[Tensor, Tensor]]:
        """All samples in pieces, or as one where rows depend on each other in evaluation mode."""
        whole = self._replica.n <= _ROWS_AT_ONCE or mixes(self._net, self._x)
        size = self._replica.n if whole else _ROWS_AT_ONCE
        return zip(torch.split(self._x, size), torch.split(self._labels, size), strict=True)


@torch.no_grad()
def _restore(net: nn.Module, buffers: list[Tensor]) -> None:
    for buffer, value in zip(net.buffers(), buffers, strict=True):
        buffer.copy_(value)


def _criterion(procedure: Procedure, smoothing: float) -> Callable[[Tensor, Tensor], Tensor]:
    """The mean loss of logits [batch, classes] for labels [batch]."""
    if procedure.loss == "cross-entropy":
        return nn.CrossEntropyLoss(label_smoothing=smoothing)

    def squared_error(logits: Tensor, labels: Tensor) -> Tensor:
        return functional.mse_loss(
            logits, functional.one_hot(labels, procedure.classes).to(logits.dtype)
        )

    return squared_error
