"""Measure throughput beside Pillow's PNG and lossless WebP: one process, one thread, by turns.

Tasks turn arrays into bytes and back in memory. `rate.json` has what each effort gains.
"""

from __future__ import annotations

import io
from functools import partial
from typing import Any, Final

import numpy as np
from PIL import Image

import digitzip
from benchmarks import record
from benchmarks.measure.timing import Task, Timed, interleaved
from benchmarks.record import Images, Result
from digitzip.codec import DEFAULT_EFFORT
from digitzip.model import load_model

ROUNDS: Final = 7
TURNS: Final = ((range(4), 7), (range(4, 10), 2))
"""Efforts that take turns with WebP, and the rounds: slow efforts apart from fast ones."""
GUARDED: Final = "guarded"  # `digitzip.compress` with its defaults
SEARCHED: Final = 1000  # images whose search is timed


def pillow_encode(images: Images, kind: str, **options: Any) -> list[bytes]:
    files = []
    for image in images:
        out = io.BytesIO()
        Image.fromarray(image).save(out, kind, **options)
        files.append(out.getvalue())
    return files


def pillow_decode(files: list[bytes]) -> list[Images]:
    return [np.asarray(Image.open(io.BytesIO(file))) for file in files]


def whole(images: Images) -> Result:
    """Time effort 0 and decompression beside PNG on images uint8 [n, 28, 28]."""
    files, data = pillow_encode(images, "PNG"), digitzip.compress(images, effort=0, guard=False)
    np.testing.assert_array_equal(np.stack(pillow_decode(files)), images)
    with digitzip.open(data) as dz:
        recon = dz.codec.decode(dz.codes[:])
    np.testing.assert_array_equal(digitzip.decompress(data), recon)
    tasks: dict[str, Task] = {
        "png encode": partial(pillow_encode, images, "PNG"),
        "compress without search": partial(digitzip.compress, images, effort=0, guard=False),
        "png decode": partial(pillow_decode, files),
        "decompress": partial(digitzip.decompress, data),
    }
    seconds = interleaved(tasks, ROUNDS)
    timed = {name: Timed(len(images), times) for name, times in seconds.items()}
    over_png = {
        "compress without search": timed["compress without search"].over(timed["png encode"]),
        "decompress": timed["decompress"].over(timed["png decode"]),
    }
    return {
        "images": len(images),
        "images_per_second": {name: task.rate() for name, task in timed.items()},
        "over_png": over_png,
        "decompress_over_png_decode": over_png["decompress"]["median"],
        "compress_without_search_over_png_encode": over_png["compress without search"]["median"],
    }


def searched(images: Images) -> Result:
    """Time each effort beside lossless WebP on images uint8 [n, 28, 28]."""
    webp = partial(pillow_encode, images, "WEBP", lossless=True)
    colours = np.stack(pillow_decode(webp()))
    np.testing.assert_array_equal(colours, np.repeat(images[:, :, :, None], 3, axis=3))
    webp_seconds: list[float] = []
    rates, ratios = {}, {}
    rounds_of: dict[str, int] = {}
    for efforts, rounds in TURNS:
        ours: dict[str, Task] = {
            str(effort): partial(digitzip.compress, images, effort=effort, guard=False)
            for effort in efforts
        }
        rounds_of |= dict.fromkeys(ours, rounds)
        if DEFAULT_EFFORT in efforts:
            ours[GUARDED] = partial(digitzip.compress, images)
        seconds = interleaved({"webp": webp, **ours}, rounds)
        peer = Timed(len(images), seconds["webp"])
        webp_seconds += seconds["webp"]
        for name in ours:
            own = Timed(len(images), seconds[name])
            rates[name], ratios[name] = own.rate(), own.over(peer)
    return {
        GUARDED: {"images_per_second": rates.pop(GUARDED), "over_webp": ratios.pop(GUARDED)},
        "images_searched": len(images),
        "default_effort": DEFAULT_EFFORT,
        "webp_images_per_second": Timed(len(images), webp_seconds).rate(),
        "rounds_of_effort": rounds_of,
        "images_per_second_of_effort": rates,
        "effort_over_webp": ratios,
        "compress_over_webp_encode": ratios[str(DEFAULT_EFFORT)]["median"],
    }


def main() -> None:
    images = record.test_images()
    result = {
        **record.environment(load_model()),
        "threads": 1,
        "kernels": "as the matrix library chooses for this CPU",
        "rounds": ROUNDS,
        **whole(images),
        **searched(images[:SEARCHED]),
    }
    record.write("speed", result)
