"""Private and fragile parts of torch are as they are described."""

import ast
import os
import re
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import emc
from emc.nets.fragile import (
    compiled_once,
    efficientnet_stage,
    global_hooks,
    gradient_hooks,
    held_buffers,
    held_parameters,
    is_compiled,
    module_hooks,
    step_hooks,
    times_changed,
    traced,
    weight_norm_written_out,
)


def test_a_second_compilation_is_an_error(tmp_path: Path) -> None:
    compiled = torch.compile(lambda x: x + 1, backend="eager", dynamic=False)
    with compiled_once(tmp_path):
        assert compiled(torch.zeros(2)).tolist() == [1, 1]
        with pytest.raises(RuntimeError, match=r"[Rr]ecompil"):
            compiled(torch.zeros(3))
    assert compiled(torch.zeros(4)).tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize("named", [None, "named"])
def test_programs_lie_in_their_folder_and_compile_in_torchs_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str | None
) -> None:
    import torch._inductor.config
    from torch._inductor.runtime.cache_dir_utils import cache_dir

    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    if named:
        monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / named))
    before = os.environ.copy()
    with compiled_once(tmp_path / "ours"):
        assert cache_dir() == str(tmp_path / (named or "ours"))
        assert torch._inductor.config.compile_threads == torch.get_num_threads()
    assert os.environ == before


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


def test_hooks_of_a_module_are_seen() -> None:
    for register in ("forward_hook", "forward_pre_hook", "full_backward_hook"):
        layer = nn.Linear(2, 1)
        assert not module_hooks(layer)
        getattr(layer, f"register_{register}")(lambda *_: None)
        assert module_hooks(layer), register


def test_compiled_modules_are_seen() -> None:
    layer = nn.Linear(2, 1)
    assert not is_compiled(layer)
    layer.compile(backend="eager")
    assert is_compiled(layer)
    assert not module_hooks(layer)


def test_hooks_of_all_modules_are_seen() -> None:
    assert not global_hooks()
    hook = nn.modules.module.register_module_forward_hook(lambda *_: None)
    try:
        assert global_hooks()
    finally:
        hook.remove()


def test_hooks_of_a_gradient_are_seen() -> None:
    for register in ("register_hook", "register_post_accumulate_grad_hook"):
        weight = torch.zeros(2, requires_grad=True)
        assert not gradient_hooks(weight)
        getattr(weight, register)(lambda *_: None)
        assert gradient_hooks(weight), register


def test_hooks_of_a_step_are_seen() -> None:
    for register in ("register_step_pre_hook", "register_step_post_hook"):
        optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], 0.1)
        assert not step_hooks(optimizer)
        getattr(optimizer, register)(lambda *_: None)
        assert step_hooks(optimizer), register


def test_changes_in_place_are_counted() -> None:
    tensor = torch.zeros(2)
    before = times_changed(tensor)
    tensor[0] = 1
    assert times_changed(tensor) == before + 1


def test_a_forward_takes_what_is_put_among_the_held_parameters() -> None:
    layer = nn.Linear(2, 1, bias=False)
    assert held_parameters(layer) == {"weight": layer.weight, "bias": None}
    held_parameters(layer)["weight"] = torch.tensor([[2.0, 3.0]])  # type: ignore[assignment]
    assert layer(torch.ones(2)).item() == 5


PRIVATE = ("_getframe", "experimental", "MBConvConfig")
PUBLIC = {"_asdict", "_exit", "_fields", "_replace"}
"""Of Python's own, and documented."""


def test_a_batch_norm_takes_what_is_put_among_the_held_buffers() -> None:
    norm = nn.BatchNorm1d(3)
    moved = torch.tensor([1.0, 2.0, 3.0])
    held_buffers(norm)["running_mean"] = moved
    assert norm.running_mean is moved
    norm.eval()
    assert norm(moved[None]).abs().max() == 0
    assert set(held_buffers(norm)) == {"running_mean", "running_var", "num_batches_tracked"}


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
    files = sorted(package.rglob("*.py"))
    assert package / "nets" / "fragile.py" in files
    for path in files:
        if path.name == "fragile.py":
            continue
        source = path.read_text()
        assert not [word for word in PRIVATE if word in source], path
        assert not _foreign(ast.parse(source)), path
        for node in ast.walk(ast.parse(source)):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [each.name for each in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and names[0].startswith("torch"):
                names += [each.name for each in node.names]
            private = [part for name in names for part in name.split(".") if part[:1] == "_"]
            assert not private or names[0] == "__future__", (path, private)


def _foreign(module: ast.Module) -> set[str]:
    """Private attributes that a file uses and that are none of its own."""
    attributes = [node for node in ast.walk(module) if isinstance(node, ast.Attribute)]
    own = {each.attr for each in attributes if ast.unparse(each.value) in {"self", "cls"}}
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            own.add(node.name)
    used = {each.attr for each in attributes if re.match("_[^_]", each.attr)}
    return used - own - PUBLIC
