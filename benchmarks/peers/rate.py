"""Measure peers on the test images: real encoders, real bytes, checked round trips.

The coders of `formats.py` and `learned.py`, the factorised prior if it was trained before, and
digitzip with a file an image; `rate.json` has its files of all images. Models are stated and not
counted. Settings are fixed or derived from the training images. Nothing is timed, so two coders
work at once.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any, Final

import imagecodecs
import numpy as np
import zstandard
from PIL import features

import digitzip
from benchmarks import record
from benchmarks.measure import classifier
from benchmarks.measure.points import losses
from benchmarks.peers import factorised, formats, kmeans, learned
from benchmarks.peers.coder import Coder
from benchmarks.record import Images
from digitzip.model import bundled_folder, load_model

AT_ONCE: Final = 2  # coders: their libraries compute without Python's lock
QUICK: Final = 50  # images
QUICK_CELLS: Final = kmeans.CELLS[:1]  # codebooks that are learned within seconds

ChangeRate = Callable[[Images], float]  # reconstructions -> the share of labels that change


@dataclass(frozen=True, slots=True)
class Peer:
    """What the files of all images cost at one setting of one encoder, and what they lose."""

    name: str
    setting: str
    solid: bool  # many images a file; otherwise one
    bytes: int
    bytes_per_image: float
    rmse: float
    psnr: float  # infinite where nothing is lost
    ssim: float
    d32: float
    label_change_rate: float | None  # None where no classifier was asked
    lossless: bool  # every pixel came back
    model_bytes: int  # needed once to decode, not in `bytes`


def ours_singly() -> Coder:
    """Return digitzip with the default model and effort, no guard, a file of each image."""
    model = load_model()

    def encode(images: Images) -> list[bytes]:
        return [digitzip.compress(image[None], model=model, guard=False) for image in images]

    def decode(files: list[bytes]) -> Images:
        return np.concatenate([digitzip.decompress(file, model=model) for file in files])

    setting = f"{model.name}, {digitzip.load_codec(model=model).levels} levels"
    size = (bundled_folder() / f"{model.name}.safetensors").stat().st_size
    return Coder("digitzip", setting, False, False, encode, decode, size)


def measure(coder: Coder, images: Images, change_rate: ChangeRate | None = None) -> Peer:
    """Encode images, uint8 [n, 28, 28], decode them from the bytes alone, and compare.

    Raises `ValueError` as `Coder.round_trip` does.
    """
    files, recon = coder.round_trip(images)
    lossless = np.array_equal(recon, images)
    size = sum(map(len, files))
    return Peer(
        name=coder.name,
        setting=coder.setting,
        solid=coder.solid,
        bytes=size,
        bytes_per_image=size / len(images),
        **losses(images, recon),
        label_change_rate=0.0 if lossless else change_rate and change_rate(recon),
        lossless=lossless,
        model_bytes=coder.model_bytes,
    )


def change_rate_from(images: Images, needed: bool) -> ChangeRate | None:
    """Return what tells the share of labels that change, if a classifier is trained or needed."""
    if not (needed or classifier.CACHED.exists()):
        return None
    before = classifier.classify(images)
    return lambda recon: classifier.change_rate(before, classifier.classify(recon))


def as_json(peer: Peer) -> dict[str, Any]:
    """Return a peer as JSON has it; an infinite PSNR is null."""
    return {**asdict(peer), "psnr": peer.psnr if math.isfinite(peer.psnr) else None}


def versions() -> dict[str, str | None]:
    """Return the versions of the libraries that do the work, None where one is absent."""
    inside = imagecodecs.version(dict)
    pillows = {"libwebp": "webp", "libavif": "avif", "libjpeg-turbo": "libjpeg_turbo"}
    return {
        "imagecodecs": imagecodecs.__version__,
        **{name: inside.get(name) for name in ("libjxl", "charls", "qoi")},
        **{name: features.version(feature) for name, feature in pillows.items()},
        "zlib-ng": features.version("zlib_ng"),
        "libzstd": ".".join(map(str, zstandard.ZSTD_VERSION)),
    }


def coders(cells: tuple[int, ...]) -> Iterator[Coder]:
    """Yield every coder, with codebooks of these sizes."""
    yield from formats.CODERS.values()
    yield ours_singly()
    yield from learned.coders(cells)
    yield from factorised.coders()


def measured(
    chosen: Iterator[Coder], images: Images, change_rate: ChangeRate | None
) -> Iterator[Peer]:
    """Yield what each coder gives on images, uint8 [n, 28, 28], in their order, and print it."""
    print(f"{'':50} bytes an image   RMSE   PSNR  SSIM    D32 label changes  seconds")

    def timed(coder: Coder) -> tuple[str, Peer, float]:
        start = time.perf_counter()
        return coder.title, measure(coder, images, change_rate), time.perf_counter() - start

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for title, peer, took in pool.map(timed, chosen):
            changes = "–" if peer.label_change_rate is None else f"{peer.label_change_rate:.2%}"
            print(
                f"{title:50} {peer.bytes_per_image:14.3f} {peer.rmse:.4f} {peer.psnr:6.2f} "
                f"{peer.ssim:.3f} {peer.d32:6.2f} {changes:>13} {took:8.1f}",
                flush=True,
            )
            yield peer


def renew_ours(images: Images) -> None:
    """Measure digitzip again, and write the result with the peers as they were measured."""
    change_rate = change_rate_from(images, needed=True)
    (ours,) = measured(iter([ours_singly()]), images, change_rate)
    result = json.loads((record.RESULTS / "peers.json").read_text(encoding="utf-8"))
    peers = [as_json(ours) if p["name"] == ours.name else p for p in result["peers"]]
    now = record.environment(load_model())
    ours_from = {key: now[key] for key in ("date", "commit", "model")}
    record.write("peers", result | {"model": now["model"], "ours": ours_from, "peers": peers})


def quick(images: Images) -> None:
    """Print what each coder gives on some images, with the codebooks that are learned fast."""
    few = images[:QUICK]
    for _ in measured(coders(QUICK_CELLS), few, change_rate_from(few, needed=False)):
        pass


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks peers", description=__doc__)
    parser.add_argument(
        "--ours", action="store_true", help="measure digitzip alone; keep the others' results"
    )
    images = record.test_images()
    if parser.parse_args(sys.argv[2:]).ours:
        renew_ours(images)
        return
    change_rate = change_rate_from(images, needed=True)
    found = list(measured(coders(kmeans.CELLS), images, change_rate))
    left_out = formats.left_out() + factorised.left_out()
    print("".join(f"left out: {line}\n" for line in left_out), end="")
    result = record.environment(load_model(), learned=True)
    result["versions"] |= versions() | {"torch": version("torch")}
    result |= {"images": len(images), "peers": list(map(as_json, found)), "left_out": left_out}
    record.write("peers", result)
