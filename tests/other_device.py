"""A device that is not the CPU's, on the CPU: tensors of both in one operation are an error.

It shows on a machine without a GPU what would fail on one with it: a tensor that was left behind.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

DEVICE = torch.device("meta")  # whose own tensors have no values; these keep them on the CPU

# Operations that a GPU takes tensors of the CPU for as well.
_COPIES = ("aten::_to_copy", "aten::copy_")
_INDEXED = ("aten::index.", "aten::index_put", "aten::_index_put", "aten::_unsafe_index")


class There(torch.Tensor):
    """A tensor that says it is on DEVICE; its values lie in `here`, on the CPU."""

    here: torch.Tensor

    @staticmethod
    def __new__(cls, here: torch.Tensor) -> There:
        there = torch.Tensor._make_wrapper_subclass(
            cls,
            here.size(),
            strides=here.stride(),
            storage_offset=here.storage_offset(),
            dtype=here.dtype,
            layout=here.layout,
            device=DEVICE,
            requires_grad=False,
        )
        there.here = here
        return there

    def __repr__(self) -> str:  # type: ignore[override]
        return f"There({self.here!r})"

    def __deepcopy__(self, memo: Any) -> torch.Tensor:
        copied = There(self.here.detach().clone())
        if isinstance(self, torch.nn.Parameter):
            return torch.nn.Parameter(copied, requires_grad=self.requires_grad)
        return copied.requires_grad_(self.requires_grad)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.here.__reduce_ex__(protocol)

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return run(func, args, kwargs or {})


class OtherDevice(TorchDispatchMode):
    """Within it DEVICE can be made on and moved to."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return run(func, args, kwargs or {})


def run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """The operation on the values, and its result on the device of its tensors."""
    name, device = func.name(), kwargs.get("device")
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
    away = any(isinstance(tensor, There) for tensor in tensors)
    left = [tensor for tensor in tensors if tensor.dim() and not isinstance(tensor, There)]
    if away and left and not name.startswith((*_COPIES, *_INDEXED)):
        raise RuntimeError(f"{name}: tensors of two devices, {[*map(type, tensors)]}")
    if device is not None:
        away = torch.device(device).type == DEVICE.type
        kwargs = kwargs | {"device": torch.device("cpu")}
    values, named = tree_map(_value, (args, kwargs))
    result = func(*values, **named)
    if func._schema.is_mutable:  # the same tensor as before
        same = {id(_value(tensor)): tensor for tensor in tensors}
        return tree_map(lambda leaf: same.get(id(leaf), leaf), result)
    return tree_map(_there, result) if away else result


def _value(leaf: Any) -> Any:
    return leaf.here if isinstance(leaf, There) else leaf


def _there(leaf: Any) -> Any:
    return There(leaf) if isinstance(leaf, torch.Tensor) else leaf
