"""Peers that learn from the training images; their models are stated and not counted.

Principal components and codebooks of whole images, with one file of all images, and Zstandard with
a dictionary of training images, a file an image.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
import zstandard

from benchmarks import record
from benchmarks.peers import kmeans
from benchmarks.peers.coder import SIDE, Coder, raw
from benchmarks.peers.formats import unzstd, zstd
from benchmarks.record import Images
from digitzip.kernels import rans

COMPONENTS: Final = (2, 5, 10, 16, 24, 32, 64)  # kept
FINENESS: Final = (1, 2, 4)  # of their steps, see `step_of`
DICTIONARY: Final = 112 * 1024  # bytes, what `zstd --train` makes
DICTIONARY_FROM: Final = 10_000  # the first training images

_BATCH: Final = 4096
_LANES: Final = 8  # of the entropy coder: each costs four bytes
_PLANES_HEAD: Final = struct.Struct("<I")  # images
_PLANE_HEAD: Final = struct.Struct("<bB")  # the least value of a plane, the range of its values
_CELLS_HEAD: Final = struct.Struct("<BI")  # whether Zstandard packed the cells, how many there are

Planes = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Components:
    """Principal components, in descending order of variance."""

    mean: npt.NDArray[np.float32]  # [p]
    axes: npt.NDArray[np.float32]  # [k, p], orthonormal
    variances: npt.NDArray[np.float64]  # [p], along all axes, falling


def components(images: Images, k: int) -> Components:
    """Return the first k principal components of images, uint8 [n, height, width]."""
    rows = images.reshape(len(images), -1)
    mean = rows.mean(axis=0, dtype=np.float64)
    covariance = np.zeros((len(mean), len(mean)))
    for start in range(0, len(rows), _BATCH):
        centred = rows[start : start + _BATCH] - mean
        covariance += centred.T @ centred
    variances, axes = np.linalg.eigh(covariance / len(rows))  # rising; axes are columns
    leading = axes[:, ::-1][:, :k].T
    return Components(mean.astype(np.float32), leading.astype(np.float32), variances[::-1])


def step_of(found: Components, k: int, fineness: int) -> int:
    """Return the step of k components: that of reverse water-filling, or a `fineness`-th of it.

    Its noise, step² / 12, is the variance of the first component left out: a component earns its
    bits as far as it varies more than the noise of those that are kept.
    """
    return max(1, round(math.sqrt(12 * found.variances[k]) / fineness))


def pca(found: Components, k: int, step: int) -> Coder:
    """Return the coder of k components, each coefficient rounded to a multiple of `step`.

    The file is what `pack_planes` makes; what is beyond ±127 steps is clipped.
    """
    mean, axes = found.mean, found.axes[:k]

    def encode(images: Images) -> list[bytes]:
        coefficients = (images.reshape(len(images), -1) - mean) @ axes.T
        return [pack_planes(np.clip(np.rint(coefficients / step), -127, 127).astype(np.int8).T)]

    def decode(files: list[bytes]) -> Images:
        rows = (unpack_planes(files[0], k).T * np.float32(step)) @ axes + mean
        return np.clip(np.rint(rows), 0, 255).astype(np.uint8).reshape(-1, SIDE, SIDE)

    setting = f"{k} components, step {step}"
    return Coder("PCA", setting, True, False, encode, decode, mean.nbytes + axes.nbytes)


def pack_planes(planes: Planes) -> bytes:
    """Return planes [k, n] as bytes, each entropy-coded by the frequencies of its values.

    Square roots of these frequencies, a byte each, come before the codes of all planes.
    """
    heads, rounds = [], []
    for plane in planes.astype(np.intp):
        low = plane.min()
        counts = np.bincount(plane - low)
        roots = np.ceil(255 * np.sqrt(counts / counts.max())).astype(np.uint8)
        heads.append(_PLANE_HEAD.pack(low, len(roots) - 1) + roots.tobytes())
        cdf = _cdf(roots)
        rounds.append((cdf[plane - low], cdf[plane - low + 1]))
    return _PLANES_HEAD.pack(planes.shape[1]) + b"".join(heads) + rans.encode(rounds, _LANES)


def unpack_planes(data: bytes, k: int) -> Planes:
    """Return the planes [k, n] that `pack_planes` made bytes of."""
    (n,) = _PLANES_HEAD.unpack_from(data)
    offset, tables = _PLANES_HEAD.size, []
    for _ in range(k):
        low, above = _PLANE_HEAD.unpack_from(data, offset)
        offset += _PLANE_HEAD.size
        tables.append((low, _cdf(np.frombuffer(data, np.uint8, above + 1, offset))))
        offset += above + 1
    decoder = rans.Decoder(data[offset:], _LANES, k * n)
    planes = [low + decoder.take(np.broadcast_to(cdf, (n, len(cdf)))) for low, cdf in tables]
    decoder.finish()
    return np.stack(planes).astype(np.int8)


def _cdf(roots: npt.NDArray[np.uint8]) -> npt.NDArray[np.intp]:
    """Return a CDF table [m + 1] of m values, none empty, from roots of frequencies."""
    less = np.append(0, np.cumsum(roots.astype(np.intp) ** 2))
    cdf: npt.NDArray[np.intp] = less * (rans.TOTAL - len(roots)) // less[-1]
    return cdf + np.arange(len(less))


def pack_cells(cells: kmeans.Cells, k: int) -> bytes:
    """Return cells [n] below k as bytes: bit by bit, or by Zstandard where that is less."""
    bits = (k - 1).bit_length()
    plain = np.packbits(cells[:, None] >> np.arange(bits)[::-1] & 1).tobytes()
    frame = zstd(cells.astype(_width(k)).tobytes())
    packed = len(frame) < len(plain)
    return _CELLS_HEAD.pack(packed, len(cells)) + (frame if packed else plain)


def unpack_cells(data: bytes, k: int) -> kmeans.Cells:
    """Return the cells [n] that `pack_cells` made bytes of."""
    packed, n = _CELLS_HEAD.unpack_from(data)
    body = data[_CELLS_HEAD.size :]
    if packed:
        return np.frombuffer(unzstd(body), _width(k)).astype(np.intp)
    bits = (k - 1).bit_length()
    ones = np.unpackbits(np.frombuffer(body, np.uint8), count=n * bits).reshape(n, bits)
    return ones.astype(np.intp) @ (1 << np.arange(bits)[::-1])


def _width(k: int) -> str:
    return "u1" if k <= 256 else "<u2"


def codebook(book: Images) -> Coder:
    """Return the coder that names the nearest image of a book, uint8 [k, 28, 28]."""
    k, centres = len(book), book.reshape(len(book), -1).astype(np.float32)

    def encode(images: Images) -> list[bytes]:
        rows = images.reshape(len(images), -1).astype(np.float32)
        return [pack_cells(kmeans.nearest(rows, centres), k)]

    def decode(files: list[bytes]) -> Images:
        return book[unpack_cells(files[0], k)]

    return Coder("k-means", f"{k:,} cells", True, False, encode, decode, book.nbytes)


def with_dictionary(images: Images) -> Coder:
    """Return the coder of a Zstandard frame an image, with a dictionary learned from images."""
    samples = [image.tobytes() for image in images]
    learned = zstandard.train_dictionary(DICTIONARY, samples)
    compressor = zstandard.ZstdCompressor(level=19, dict_data=learned, write_dict_id=False)
    decompressor = zstandard.ZstdDecompressor(dict_data=learned)
    setting = f"level 19, {DICTIONARY // 1024} KiB"
    pair = compressor.compress, decompressor.decompress
    coder = raw("zstd dictionary", setting, *pair, solid=False)
    return replace(coder, model_bytes=len(learned.as_bytes()))


def coders(cells: tuple[int, ...]) -> Iterator[Coder]:
    """Yield the coders that are learned here, with codebooks of these sizes."""
    images = record.train_images()
    found = components(images, max(COMPONENTS))
    yield from (pca(found, k, step_of(found, k, fine)) for k in COMPONENTS for fine in FINENESS)
    yield from map(codebook, map(kmeans.codebook, cells))
    yield with_dictionary(images[:DICTIONARY_FROM])
