"""Device of a training run, and bfloat16 where it multiplies that itself.

Emulated, bfloat16 is ten times slower.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch

from models.training.errors import TrainingError
from models.training.recipes import Device

CPU = torch.device("cpu")


class DeviceError(TrainingError):
    """The device that a recipe names is not there."""


def device_of(name: Device) -> torch.device:
    """The device of a recipe's `device`. Raises DeviceError where cuda is asked for and missing."""
    if name != "cpu" and torch.cuda.is_available():
        return torch.device("cuda")
    if name == "cuda":
        raise DeviceError(
            'device = "cuda", but torch finds no GPU here: install its driver and a torch that is'
            ' built for CUDA, or say device = "auto"'
        )
    return CPU


@cache
def has_bfloat16(kind: str = "cpu") -> bool:
    """True where this processor (AMX or AVX-512 BF16; Arm's BF16) or GPU multiplies bfloat16.

    kind: the type of a device; of any other it is False.
    """
    if kind == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if kind != "cpu":
        return False
    capabilities = torch.cpu.get_capabilities()
    return bool(
        capabilities.get("amx_bf16") or capabilities.get("avx512_bf16") or capabilities.get("bf16")
    )


def low(device: torch.device = CPU) -> torch.dtype:
    """The type of products while training: bfloat16 where that is fast."""
    return torch.bfloat16 if has_bfloat16(device.type) else torch.float32


def mixed(enabled: bool = True, device: torch.device = CPU) -> Any:
    """Autocast to bfloat16 where the device is fast at it; elsewhere it does nothing."""
    fast = enabled and has_bfloat16(device.type)
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=fast)
