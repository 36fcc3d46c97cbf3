"""bfloat16 where the processor multiplies it itself; emulated, it is ten times slower."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch


@cache
def has_bfloat16() -> bool:
    """True where this processor multiplies bfloat16 (AMX or AVX-512 BF16; Arm's BF16)."""
    capabilities = torch.cpu.get_capabilities()
    return bool(
        capabilities.get("amx_bf16") or capabilities.get("avx512_bf16") or capabilities.get("bf16")
    )


def low() -> torch.dtype:
    """The type of products while training: bfloat16 where that is fast."""
    return torch.bfloat16 if has_bfloat16() else torch.float32


def mixed(enabled: bool = True) -> Any:
    """Autocast to bfloat16 where the processor is fast at it; elsewhere it does nothing."""
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled and has_bfloat16())
