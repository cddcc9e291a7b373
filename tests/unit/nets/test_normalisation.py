"""Normalisation of channels against its formula."""

import pytest
import torch
from torch import nn

from emc.nets.normalisation import BatchNorm, group_norm, normalisation


@pytest.mark.parametrize(
    ("channels", "groups"),
    [(1, 1), (15, 1), (16, 1), (31, 1), (32, 2), (34, 2), (37, 1), (48, 3), (64, 4), (512, 32)],
)
def test_groups_have_sixteen_channels_or_more(channels: int, groups: int) -> None:
    assert group_norm(channels).num_groups == groups


def test_group_norm_is_of_each_sample_alone() -> None:
    x = torch.randn(3, 32, 4, 5, dtype=torch.float64)
    groups = x.reshape(3, 2, -1)
    wanted = (groups - groups.mean(-1, keepdim=True)) / (
        groups.var(-1, keepdim=True, correction=0) + 1e-5
    ).sqrt()
    torch.testing.assert_close(normalisation("group")(32).double()(x), wanted.reshape(x.shape))


def test_batch_norm_is_torchs() -> None:
    ours, theirs = normalisation("batch")(3), nn.BatchNorm2d(3)
    for shape in [(4, 3, 2, 2), (2, 3, 1, 1), (1, 3, 1, 2)]:
        x = torch.randn(shape)
        torch.testing.assert_close(ours(x), theirs(x))
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict())


def test_a_lone_number_is_normalised_as_in_evaluation() -> None:
    layer = BatchNorm(2)
    layer(torch.randn(5, 2, 3, 3))
    x = torch.randn(1, 2, 1, 1)
    trained = layer(x)
    torch.testing.assert_close(trained, layer.eval()(x))
    assert trained.abs().sum() > 0
