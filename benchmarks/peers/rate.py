"""What stands beside digitzip on the test digits: real encoders, real bytes, checked round trips.

The coders of `benchmarks/peers/formats.py`, those of `learned.py`, the factorised prior if it
was trained before, and digitzip with a file a digit; its files of all digits are in `rate.json`.
Models are stated and not counted. Settings are fixed or derived from the training images, never
chosen by what the test digits gave. Nothing is timed here, so two coders work at once.
"""

from __future__ import annotations

import argparse
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
from benchmarks.measure import dims
from benchmarks.peers import formats, learned
from benchmarks.peers.coder import Coder
from benchmarks.record import Images
from digitzip.metrics import d32, psnr, rmse, ssim
from digitzip.model import load_model, shipped_folder

AT_ONCE: Final = 2  # coders: their libraries compute without Python's lock
QUICK: Final = 200  # digits
QUICK_CELLS: Final = dims.CELLS[:2]  # codebooks that are learned within half a minute

Changed = Callable[[Images], float]  # decoded digits -> the share that reads differently now


@dataclass(frozen=True, slots=True)
class Peer:
    """What the files of all digits cost at one setting of one encoder, and what they lose."""

    name: str
    setting: str
    solid: bool  # many digits a file; otherwise one
    bytes: int
    bytes_per_digit: float
    rmse: float
    psnr: float  # infinite where nothing is lost
    ssim: float
    d32: float
    read_differently: float | None  # None where nobody read
    lossless: bool  # every pixel came back
    model_bytes: int  # needed once to decode, not in `bytes`


def ours_singly() -> Coder:
    """Return the coder of digitzip, default model and effort, that makes a file of each digit."""
    model = load_model()

    def encode(images: Images) -> list[bytes]:
        return [digitzip.compress(image[None], model=model, guard=False) for image in images]

    def decode(files: list[bytes]) -> Images:
        return np.concatenate([digitzip.decompress(file, model=model) for file in files])

    setting = f"{model.name}, {digitzip.load_codec(model=model).levels} levels"
    size = (shipped_folder() / f"{model.name}.safetensors").stat().st_size
    return Coder("digitzip", setting, False, False, encode, decode, size)


def measure(coder: Coder, images: Images, changed: Changed | None = None) -> Peer:
    """Encode digits, uint8 [n, 28, 28], decode them from the bytes alone, and compare.

    Raises `ValueError` as `Coder.round_trip` does.
    """
    files, decoded = coder.round_trip(images)
    exact = np.array_equal(decoded, images)
    size = sum(map(len, files))
    return Peer(
        name=coder.name,
        setting=coder.setting,
        solid=coder.solid,
        bytes=size,
        bytes_per_digit=size / len(images),
        rmse=rmse(images, decoded),
        psnr=psnr(images, decoded),
        ssim=ssim(images, decoded),
        d32=d32(images, decoded),
        read_differently=0.0 if exact else changed and changed(decoded),
        lossless=exact,
        model_bytes=coder.model_bytes,
    )


def changed_from(images: Images, needed: bool) -> Changed | None:
    """Return what tells the share of digits that the reader takes for others than before."""
    from benchmarks.measure import classifier as reader

    if not (needed or reader.CACHED.exists()):
        return None
    before = reader.read(images)
    return lambda decoded: reader.share_changed(before, reader.read(decoded))


def as_json(peer: Peer) -> dict[str, Any]:
    """Return a peer as JSON has it, which knows no infinite PSNR: null."""
    return {**asdict(peer), "psnr": peer.psnr if math.isfinite(peer.psnr) else None}


def versions() -> dict[str, str | None]:
    """Return the versions of the libraries that do the work, None where one is not there."""
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
    """Yield every coder, with codebooks of so many cells."""
    from benchmarks.peers import factorised

    yield from formats.CODERS.values()
    yield ours_singly()
    yield from learned.coders(cells)
    yield from factorised.coders()


def measured(cells: tuple[int, ...], images: Images, changed: Changed | None) -> Iterator[Peer]:
    """Yield what every coder gives on digits, uint8 [n, 28, 28], in their order, and print it."""
    print(f"{'':50} bytes a digit   RMSE   PSNR  SSIM    D32 reads otherwise  seconds")

    def timed(coder: Coder) -> tuple[str, Peer, float]:
        start = time.perf_counter()
        return coder.title, measure(coder, images, changed), time.perf_counter() - start

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for title, peer, took in pool.map(timed, coders(cells)):
            read = "–" if peer.read_differently is None else f"{peer.read_differently:.2%}"
            print(
                f"{title:50} {peer.bytes_per_digit:13.3f} {peer.rmse:.4f} {peer.psnr:6.2f} "
                f"{peer.ssim:.3f} {peer.d32:6.2f} {read:>15} {took:8.1f}",
                flush=True,
            )
            yield peer


def main() -> None:
    from benchmarks.peers import factorised

    parser = argparse.ArgumentParser(prog="python -m benchmarks peers", description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} digits; writes nothing")
    quick = parser.parse_args(sys.argv[2:]).quick
    images = record.test_images()[: QUICK if quick else None]
    changed = changed_from(images, needed=not quick)
    found = list(measured(QUICK_CELLS if quick else dims.CELLS, images, changed))
    left_out = formats.left_out() + factorised.left_out()
    print("".join(f"left out: {line}\n" for line in left_out), end="")
    if quick:
        return
    result = record.environment(load_model(), learned=True)
    result["versions"] |= versions() | {"torch": version("torch")}
    result |= {"digits": len(images), "peers": list(map(as_json, found)), "left_out": left_out}
    record.write("peers", result)


if __name__ == "__main__":
    main()
