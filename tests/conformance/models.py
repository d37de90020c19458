"""How the models and images of the conformance files were made; they stay as they are.

`python tests/conformance/models.py` makes what is missing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from digitzip.kernels import Layer as Dense
from digitzip.kernels import Network
from digitzip.kernels.context import MAX_WEIGHT, VALUES, input_size
from digitzip.model import Model, Quantiser, Shape, read_model, write_model

HERE = Path(__file__).parent
MODEL, RESIDUAL = HERE / "tiny.safetensors", HERE / "tiny-residual.safetensors"
LABELS = HERE / "tiny-labels.safetensors"
IMAGES = HERE / "images.npy"
DIMS, LEVELS = 3, (8, 5)


def dense(
    rng: np.random.Generator, inputs: int, outputs: int, low: int, high: int, shift: int,
    *, reach: int = 127, skip: int = 0, table: bool = False,
) -> Dense:  # fmt: skip
    """A layer of random weights, with a table that wraps a ramp where asked for."""
    kind = np.int8 if reach < 128 else np.int16
    return Dense(
        weight=rng.integers(-reach, reach + 1, (outputs, inputs)).astype(kind),
        bias=rng.integers(-(1 << shift), 1 << shift, outputs),
        shift=rng.integers(shift - 1, shift + 1, outputs),
        low=low,
        high=high,
        skip=skip,
        table=(np.arange(high - low + 1, dtype=np.int32) * 3 % 256) if table else None,
    )


def tiny_model() -> Model:
    """A model of random weights that uses all a model may: skip, table, int16, both floats."""
    rng = np.random.default_rng(2016)
    encoder = Network(
        [dense(rng, 784, 8, 0, 1023, 11), dense(rng, 8, DIMS, -9999, 9999, 3)], 0, 255
    )
    decoder = Network(
        [
            dense(rng, DIMS, 12, -1023, 1023, 4),
            dense(rng, 12, 12, -1023, 1023, 12, reach=9000),
            dense(rng, 12, 12, 0, 1023, 8, skip=2),
            dense(rng, 12, 784, -128, 127, 8, table=True),
        ],
        -127,
        127,
    )
    images = rng.integers(0, 256, (500, 28, 28), dtype=np.uint8)
    outputs = encoder(images.reshape(-1, 784))
    quantisers = []
    for levels in LEVELS:
        cuts = np.quantile(outputs, np.arange(1, levels) / levels, axis=0).T
        predictor = [
            Network([dense(rng, 0, levels, -1024, 1023, 5)], -127, 127),
            *(Network([dense(rng, j, 6, 0, 255, 4), dense(rng, 6, levels, -1024, 1023, 6)], -127, 127) for j in range(1, DIMS)),
        ]  # fmt: skip
        points = np.tile((2 * np.arange(levels) + 1 - levels) * 127 // levels, (DIMS, 1))
        quantisers.append(
            Quantiser(levels, cuts.astype(np.int16), points.astype(np.int16), tuple(predictor))
        )
    codes = rng.integers(0, LEVELS[0], (2, DIMS), dtype=np.uint8)
    model = Model(
        "tiny",
        Shape(28, 28, DIMS),
        encoder,
        decoder,
        tuple(quantisers),
        codes,
        np.empty(0, np.uint8),
    )
    known = model.decode_points(quantisers[0].dequantise(codes))
    return replace(model, known_images=known, notes={"made by": "tests/conformance/make.py"})


def residual_network() -> Network:
    """A network of random weights that tell of pixels, of which those of the last column get none.

    In that column the last of the hidden numbers is 255, and takes what every value has.
    """
    rng = np.random.default_rng(2026)
    inputs = input_size(28, 28)
    hidden, last = dense(rng, inputs, 8, 0, 255, 10), dense(rng, 8, VALUES, -256, 255, 7)
    hidden.weight[-1], hidden.bias[-1], hidden.shift[-1] = 0, 0, 6
    hidden.weight[-1, inputs - 2] = 127
    weight = last.weight.astype(np.int16)
    weight[:, -1], last.shift[:] = -4000, 6
    halvings = (255 - np.arange(-256, 256)) // 16
    table = (MAX_WEIGHT >> halvings).astype(np.int32)
    return Network([hidden, replace(last, weight=weight, table=table)], 0, 255)


def label_network() -> Network:
    """A network of random weights from the points of codes to the scores of ten labels."""
    rng = np.random.default_rng(10)
    return Network([dense(rng, DIMS, 8, 0, 255, 6), dense(rng, 8, 10, -1024, 1023, 6)], -127, 127)


def fixed_images() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """The images of `images.npy`, uint8 [20, 28, 28]: ten strokes, then ten of noise."""
    n, y, x = np.ogrid[:20, :28, :28]
    distance = np.abs((x - 14) * np.cos(n / 3) + (y - 14) * np.sin(n / 3))
    strokes = np.clip(255 - 60 * distance, 0, 255).astype(np.uint8)
    noise = ((n * 784 + y * 28 + x + 1).astype(np.uint32) * np.uint32(2654435761) >> 13) % 256
    images: np.ndarray[tuple[int, ...], np.dtype[np.uint8]] = np.where(
        n < 10, strokes, noise.astype(np.uint8)
    )
    return images


def model_at(path: Path, made: Callable[[], Model]) -> Model:
    """Return the model at `path`, which stays as it is; make it where there is none."""
    if not path.exists():
        write_model(path, made())
    return read_model(path)


def main() -> int:
    model = model_at(MODEL, tiny_model)
    notes = {"made by": "tests/conformance/make.py"}
    network = residual_network()
    model_at(RESIDUAL, lambda: replace(model, name=RESIDUAL.stem, notes=notes, residual=network))
    labels = label_network()
    model_at(LABELS, lambda: replace(model, name=LABELS.stem, notes=notes, labels=labels))
    if not IMAGES.exists():
        np.save(IMAGES, fixed_images())
    return 0


if __name__ == "__main__":
    sys.exit(main())
