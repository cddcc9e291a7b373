"""Stacked replicas hold what each replica has."""

import numpy as np
import torch
from tests.unit.engine.cases import TokenNet, procedure, replicas

from emc.engine.fresh import fresh, weights
from emc.engine.procedure import Replica
from emc.engine.stacked.flat import FlatNet
from emc.engine.stacked.stack import Stack, stacked

ASKED = procedure(layers=None, module=TokenNet)


def made(given: list[Replica]) -> tuple[FlatNet, Stack]:
    net = FlatNet(TokenNet())
    nets = [fresh(ASKED, replica.seed) for replica in given]
    return net, stacked(net, nets, given, [7, 3], torch.device("cpu"))


def test_samples_are_the_replicas_own_whatever_array_they_come_from() -> None:
    given = [*replicas([5, 3]), *replicas([4], seed=1)]
    _, stack = made(given)
    x, labels, sizes = stack.chunk(0, 6)
    assert sizes.tolist() == [5, 3, 4]
    for row, replica in enumerate(given):
        n = replica.n
        np.testing.assert_array_equal(x[row, :n], replica.inputs[replica.rows])
        np.testing.assert_array_equal(labels[row, :n], replica.labels)
        first = np.broadcast_to(replica.inputs[replica.rows[0]], x[row, n:].shape)
        np.testing.assert_array_equal(x[row, n:], first)


def test_an_input_that_many_use_is_held_once() -> None:
    (replica,) = replicas([7])
    _, stack = made([replica, replica])
    assert len(stack.pool) == 7


def test_chunks_beyond_a_replica_are_empty() -> None:
    _, stack = made(replicas([5, 3]))
    assert stack.chunk(4, 4)[2].tolist() == [1, 0]
    assert stack.chunk(8, 4)[2].tolist() == [0, 0]


def test_read_only_arrays_are_taken_as_they_are() -> None:
    (replica,) = replicas([4])
    for array in (replica.inputs, replica.rows, replica.labels):
        array.setflags(write=False)
    _, stack = made([replica])
    np.testing.assert_array_equal(stack.pool[stack.rows[0]], replica.inputs[replica.rows])


def test_rows_hold_the_fresh_weights_and_constants() -> None:
    given = replicas([5, 3])
    net, stack = made(given)
    for row, replica in enumerate(given):
        found = net.arrays(stack.weights[row], [each[row] for each in stack.constants])
        expected = weights(fresh(ASKED, replica.seed))
        assert found.keys() == expected.keys()
        for name, values in expected.items():
            np.testing.assert_array_equal(found[name], values)


def test_a_row_computes_what_its_module_does() -> None:
    given = replicas([5, 3])
    net, stack = made(given)
    x = torch.from_numpy(given[0].inputs[:4])
    for row, replica in enumerate(given):
        logits = net.logits(stack.weights[row], [each[row] for each in stack.constants], x)
        torch.testing.assert_close(logits, fresh(ASKED, replica.seed)(x))


def test_picked_rows_are_copies() -> None:
    _, stack = made(replicas([5, 3, 4]))
    picked = stack.pick([2, 0, 2])
    assert picked.counts.tolist() == [4, 5, 4]
    torch.testing.assert_close(picked.weights, stack.weights[[2, 0, 2]])
    picked.weights.zero_()
    picked.moments[1].add_(1)
    assert stack.weights.abs().sum() > 0
    assert stack.moments[1].sum() == 0
    assert picked.pool is stack.pool
