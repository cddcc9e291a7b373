"""Private and fragile parts of torch are as they are described."""

import ast
from pathlib import Path

import pytest
import torch
from torch import Tensor

import emc
from emc.nets.fragile import (
    compiled_once,
    efficientnet_stage,
    traced,
    weight_norm_written_out,
)


def test_a_second_compilation_is_an_error() -> None:
    compiled = torch.compile(lambda x: x + 1, backend="eager", dynamic=False)
    with compiled_once():
        assert compiled(torch.zeros(2)).tolist() == [1, 1]
        with pytest.raises(RuntimeError, match=r"[Rr]ecompil"):
            compiled(torch.zeros(3))
    assert compiled(torch.zeros(4)).tolist() == [1, 1, 1, 1]


def test_a_traced_function_holds_its_gradient() -> None:
    def slope(x: Tensor) -> Tensor:
        with torch.enable_grad():
            variable = x.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(variable.pow(3).sum(), variable)
        return gradient

    program = traced(slope, torch.zeros(3))
    torch.testing.assert_close(program(torch.tensor([1.0, 2, -1])), torch.tensor([3.0, 12, 3]))


def test_a_stage_of_efficientnet_keeps_its_channels() -> None:
    stage = efficientnet_stage(1, 3, 1, 5, 3, 2)
    assert (stage.input_channels, stage.out_channels, stage.num_layers) == (5, 3, 2)


PRIVATE = ("_getframe", "experimental", "MBConvConfig")


@pytest.mark.parametrize("dim", [-1, 0, 1])
def test_weight_normalisation_is_torch_s_with_a_symmetric_hessian(dim: int) -> None:
    generator = torch.Generator().manual_seed(0)
    v = torch.randn(3, 4, generator=generator).double()
    g = v.square().sum([axis for axis in range(2) if axis != dim], keepdim=True)
    g = g.sum().reshape(1, 1) if dim == -1 else g
    expected = torch._weight_norm(v, g, dim)

    def loss(both: torch.Tensor) -> torch.Tensor:
        weight = torch._weight_norm(both[:12].view(3, 4), both[12:].view(g.shape), dim)
        return weight.pow(3).sum()

    with weight_norm_written_out():
        torch.testing.assert_close(torch._weight_norm(v, g, dim), expected)
        both = torch.cat([v.flatten(), g.flatten()])
        hessian = torch.autograd.functional.hessian(loss, both)
    torch.testing.assert_close(hessian, hessian.T)


def test_all_of_them_are_in_one_module() -> None:
    package = Path(emc.__file__).parent
    files = [
        path for floor in ("engine", "nets", "study") for path in package.glob(f"{floor}/**/*.py")
    ]
    assert package / "nets" / "fragile.py" in files
    for path in files:
        if path.name == "fragile.py":
            continue
        source = path.read_text()
        assert not [word for word in PRIVATE if word in source], path
        for node in ast.walk(ast.parse(source)):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [each.name for each in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and names[0].startswith("torch"):
                names += [each.name for each in node.names]
            private = [part for name in names for part in name.split(".") if part[:1] == "_"]
            assert not private or names[0] == "__future__", (path, private)
