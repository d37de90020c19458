"""Which device trains, and in which precision its matrix products are fastest."""

from collections.abc import Callable

import torch

from digitzip.errors import InputError


def pick_device(name: str) -> torch.device:
    """Return the device called `name`; "auto" is a GPU when there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"device {name!r} cannot be used here; try auto or cpu") from error
    return device


def describe(device: torch.device) -> str:
    """Return the name of a GPU, or cpu and its threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type}, threads: {torch.get_num_threads()}"


def bfloat16_helps(device: torch.device) -> bool:
    """Tell whether matrix products in bfloat16 are faster than in float32 on a device."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    supported: Callable[[], bool] | None = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return device.type == "cpu" and supported is not None and bool(supported())
