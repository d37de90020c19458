"""Networks <-> named integer tensors (docs/MODELS.md section 2), and the id of named tensors.

It knows no files and no images. `weights_file` reads the tensors; this module checks them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from digitzip.errors import ModelError
from digitzip.kernels import Layer, Network, Window
from digitzip.model.schema import MAX_LAYERS, MAX_MULTIPLICATIONS, NETWORKS, NUMBERS, Range

Integers = npt.NDArray[np.integer[Any]]
Tensors = dict[str, Integers]

ID_SIZE: Final = 16


def identify(text: bytes, sizes: tuple[int, ...], tensors: Iterable[tuple[str, Integers]]) -> bytes:
    """Return the id of named tensors, as FORMAT.md section 8 says: `text` and `sizes` go first."""
    digest = hashlib.sha256(text + _u32(*sizes))
    for name, tensor in sorted(tensors, key=lambda named: named[0]):
        digest.update(_u32(len(name)) + name.encode() + _u32(tensor.ndim, *tensor.shape))
        digest.update(np.ascontiguousarray(tensor, "<i4").tobytes())
    return digest.digest()[:ID_SIZE]


def network_tensors(prefix: str, network: Network) -> Iterator[tuple[str, Integers]]:
    """Yield the tensors of a network with their names."""
    for index, layer in enumerate(network.layers):
        name = f"{prefix}.{index}"
        yield f"{name}.weight", layer.weight
        yield f"{name}.bias", layer.bias.astype(np.int32)
        yield f"{name}.shift", layer.shift.astype(np.uint8)
        yield f"{name}.clip", np.array([layer.low, layer.high], np.int32)
        if layer.skip:
            yield f"{name}.skip", np.array([layer.skip], np.int32)
        if layer.table is not None:
            yield f"{name}.table", layer.table.astype(np.int32)
        if layer.window is not None:
            yield f"{name}.window", np.array(astuple(layer.window), np.int32)


class Parts:
    """Hands out tensors, and the networks made of them, each checked, until none is left.

    Every method raises `ModelError` for what is missing or breaks the schema.
    """

    def __init__(self, tensors: Mapping[str, Integers]) -> None:
        self._tensors = dict(tensors)

    def has(self, prefix: str) -> bool:
        """Tell whether there is a network of this name."""
        return f"{prefix}.0.weight" in self._tensors

    def take(self, name: str) -> Integers:
        """Return the tensor of this name."""
        if name not in self._tensors:
            raise ModelError(f"tensor {name} is missing")
        return self._tensors.pop(name)

    def number(self, name: str) -> int | None:
        """Return the one number of the tensor of this name, None where there is no such tensor."""
        if name not in self._tensors:
            return None
        stored, allowed = self.take(name), NUMBERS[name.rpartition(".")[2]]
        if stored.shape != (1,) or int(stored[0]) not in allowed:
            raise ModelError(
                f"{name} is {stored.tolist()}, expected one number, {allowed[0]} to {allowed[-1]}"
            )
        return int(stored[0])

    def network(
        self, name: str, inputs: int, outputs: range, points: Range | None = None
    ) -> Network:
        """Return the network of this name with so many inputs and outputs.

        `points` is the range of its inputs where these are points of quantisers.
        """
        layers: list[Layer] = []
        while f"{name}.{len(layers)}.weight" in self._tensors and len(layers) < MAX_LAYERS:
            layers.append(self._layer(f"{name}.{len(layers)}"))
        most = sum(layer.multiplications for layer in layers)
        if most > MAX_MULTIPLICATIONS:  # before it is held
            raise ModelError(f"{name}: more than {MAX_MULTIPLICATIONS} multiplications an image")
        rule = next(NETWORKS[part] for part in name.split(".") if part in NETWORKS)
        network = Network(layers, *(rule.inputs or points or (0, 0)))
        if network.inputs != inputs or network.outputs not in outputs:
            raise ModelError(
                f"{name} maps {network.inputs} inputs to {network.outputs} outputs, "
                f"expected {inputs} to {_span(outputs)}"
            )
        low, high = rule.outputs or network.range
        if network.range[0] < low or network.range[1] > high:
            raise ModelError(f"{name} gives {network.range}, expected within {low} to {high}")
        return network

    def end(self) -> None:
        """Raise `ModelError` where anything is left."""
        if self._tensors:
            raise ModelError(f"unknown tensor {min(self._tensors)!r}")

    def _layer(self, name: str) -> Layer:
        weight, bias, shift, clip = (
            self.take(f"{name}.{part}") for part in ("weight", "bias", "shift", "clip")
        )
        table = self.take(f"{name}.table") if f"{name}.table" in self._tensors else None
        skip = self.number(f"{name}.skip") or 0
        if clip.shape != (2,):
            raise ModelError(f"{name}: clip is {clip.tolist()}, expected two numbers")
        window = self._window(f"{name}.window")
        return Layer(weight, bias, shift, int(clip[0]), int(clip[1]), skip, table, window)

    def _window(self, name: str) -> Window | None:
        if name not in self._tensors:
            return None
        stored = self.take(name)
        if stored.shape != (4,):
            raise ModelError(f"{name} is {stored.tolist()}, expected four numbers")
        return Window(*stored.tolist())


def _span(allowed: range) -> str:
    return str(allowed[0]) if len(allowed) == 1 else f"{allowed[0]} … {allowed[-1]}"


def _u32(*values: int) -> bytes:
    return b"".join(value.to_bytes(4, "little") for value in values)
