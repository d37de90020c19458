"""The roofline: multiplications a second of a network, of what the instruction set allows.

A few lines of C measure the peak: the multiply-add instructions of the native kernels, in registers
alone. The peak needs an x86 processor with AVX2 and a C compiler; without them only the reached
multiplications are reported.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks import record
from benchmarks.measure.timing import interleaved
from benchmarks.record import Result
from digitzip.kernels import KERNELS, Network, backend
from digitzip.model import Model

SOURCE: Final = Path(__file__).with_suffix(".c")
SUMS: Final = 12  # of roofline.c
REPEATS: Final = 4_000_000
ROUNDS: Final = 7
MULTIPLICATIONS: Final = {"avx2_int16": 16, "avx512vnni_int16": 32, "avx512vnni_int8": 64}
"""Multiplications of one instruction."""


def measured(model: Model, images: int) -> Result:
    """Return multiplications a second of the networks of a model, and the peak of one core."""
    pixels = record.test_images()[:images].reshape(images, -1)
    quantiser = model.quantisers[0]
    points = quantiser.dequantise(quantiser.quantise(KERNELS.forward(model.encoder, pixels)))
    found: Result = {"backend": backend(), "multiplications_per_image": {}, "reached": {}}
    for name, network, x in (
        ("encoder", model.encoder, pixels),
        ("decoder", model.decoder, points),
    ):
        seconds = interleaved({name: partial(KERNELS.forward, network, x)}, ROUNDS)[name]
        found["multiplications_per_image"][name] = multiplications(network)
        found["reached"][name] = multiplications(network) * images / float(np.median(seconds))
    return {**found, "peak": peak()}


def multiplications(network: Network) -> int:
    """Return the multiplications of one forward pass."""
    return sum(
        layer.weight.size * (1 if layer.window is None else layer.window.count)
        for layer in network.layers
    )


def peak() -> dict[str, float]:
    """Return multiplications a second by instruction set and type; empty without a compiler."""
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    if compiler is None:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "roofline.so")
        command = [
            compiler,
            "-O3",
            "-funroll-loops",
            "-shared",
            "-fPIC",
            "-o",
            str(target),
            str(SOURCE),
        ]
        if subprocess.run(command, capture_output=True).returncode:
            return {}  # not an x86 processor
        library = ctypes.CDLL(str(target))
        names = [n for n in MULTIPLICATIONS if n.startswith("avx2") or library.has_avx512vnni()]
        return {name: _per_second(library, name) for name in names}


def _per_second(library: ctypes.CDLL, name: str) -> float:
    run, best = getattr(library, name), float("inf")
    for _ in range(ROUNDS):
        start = time.perf_counter()
        run(ctypes.c_int64(REPEATS))
        best = min(best, time.perf_counter() - start)
    return MULTIPLICATIONS[name] * SUMS * REPEATS / best
