"""`.dz` files: read whole, in parts, rebuilt, recovered, joined, extracted from, appended to."""

from __future__ import annotations

import io
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final

import numpy as np

import digitzip
from digitzip.codec import Codec
from digitzip.entropy.labels import pack_labels
from digitzip.errors import DigitzipError
from digitzip.format import Header, names
from digitzip.model import Model, read_model
from tests.fuzz.case import Case, Target
from tests.fuzz.damage import damage
from tests.fuzz.parts import (
    ChunkParts,
    FileParts,
    any_body,
    change_chunk,
    sealed,
    with_metadata,
)

HERE: Final = Path(__file__).parents[1] / "conformance"
MODELS: Final = "tiny", "tiny-residual", "tiny-labels"
Codecs = dict[tuple[bytes, int], Codec]
"""By the id of the model and the number of levels."""
MOST: Final = 20_000
"""Images that are decoded at once."""


def target(folder: Path) -> Target:
    """Return the target; `folder` holds the file that is appended to."""
    models = [read_model(HERE / f"{name}.safetensors") for name in MODELS]
    valid = [path.read_bytes() for path in sorted((HERE / "valid").glob("*.dz"))]
    broken = [path.read_bytes() for path in sorted((HERE / "invalid").glob("*.dz"))]
    small = [data for data in valid if len(data) < 600]
    codecs = {
        (model.id, levels): Codec(model, levels, 0)
        for model in models
        for levels in model.qualities
    }
    parts = [FileParts.of(data) for data in (*small, *_few(codecs) * 3)]
    uses = _Uses(models, small[0], folder / "fuzz.dz")

    def case(random: Random) -> Case:
        match random.randrange(8):
            case 0:
                data = damage(random, random.choice(small))
            case 1:
                data = damage(random, random.choice(broken))
            case 2 if random.random() < 0.02:
                data = damage(random, random.choice(valid))
            case 3:
                data = b"".join(random.choice(small) for _ in range(random.randrange(1, 4)))
                data = damage(random, data) if random.random() < 0.5 else data
            case _:
                data = _rebuilt(random, random.choice(parts), codecs)
        use = random.choice(uses.all)
        return Case(use.__name__, data, lambda: use(data, random))

    return case


def _few(codecs: Codecs) -> list[bytes]:
    """Return files of a few images in every representation, which are quick to read."""
    found: list[bytes] = []
    for codec in codecs.values():
        codes = np.random.default_rng(3).integers(0, codec.levels, (4, 3), dtype=np.uint8)
        crc = zlib.crc32(codec.decode(codes).data)
        texts = {"digitzip": "1.0.0", "source": "a.png"}
        header = Header(codec.model.id, 28, 28, 3, codec.levels, metadata=texts).to_bytes()
        for body in codec.coder.representations(codes):
            named = [(0x81, names.pack(["a/1", "a/2", "b", "é"]))]
            labels = b"".join(pack_labels(bytes([1, 2, 2, 9]), codes, codec.labels))
            labelled = [(0x82, labels)]
            for more in ([], named, labelled, named + labelled):
                chunks = [ChunkParts(4, crc, [(1, b"".join(body)), *more]) for _ in range(2)]
                parts = FileParts(header, [*chunks], copied=bool(more))
                found.append(parts.to_bytes(Random(0), honest=True))
    return found


def _rebuilt(random: Random, file: FileParts, codecs: Codecs) -> bytes:
    """Change a file here and there, and make all its checksums good again."""
    file = file.copy()
    codec = codecs[file.header[16:32], file.header[35]]
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        at = random.randrange(len(file.frames)) if file.frames else 0
        chosen = file.frames[at] if file.frames else b""
        match random.randrange(14):
            case 0:
                file.header = sealed(damage(random, file.header))
            case 5:
                file.header = with_metadata(random, file.header)
            case 6:
                file.copied = not file.copied
            case 1 if file.frames:
                del file.frames[at]
            case 2 if file.frames:
                file.frames.insert(random.randrange(len(file.frames)), chosen)
            case 3:
                random.shuffle(file.frames)
            case 4:
                file.frames.insert(at, b"\x5e\x2a\x4d\x18" + any_body(random, 3))
            case _:
                if isinstance(chosen, ChunkParts):
                    change_chunk(random, chosen, codec)
                elif file.frames:
                    file.frames[at] = damage(random, chosen)
    return file.to_bytes(random, honest=random.random() < 0.9)


class _Uses:
    """What a user may do with a file; what one of them writes must itself be whole."""

    def __init__(self, models: list[Model], good: bytes, path: Path) -> None:
        self._models = {model.id: model for model in models}
        self._default, self._good, self._path = models[0], good, path
        one = digitzip.open(good, model=models[0])[:1]
        self._image = one if len(one) else None
        self.all: tuple[Callable[[bytes, Random], None], ...] = (
            self.test, self.test, self.slices, self.slices, self.rebuild, self.recover,
            self.recover, self.join, self.extract, self.decompress, self.look, self.append,
        )  # fmt: skip

    def _model(self, data: bytes) -> Model:
        """Return the model that a file names, if it can be told."""
        return self._models.get(data[16:32], self._default)

    def open(self, data: bytes, *, rebuild: bool = False) -> digitzip.Archive:
        return digitzip.open(data, model=self._model(data), rebuild=rebuild, max_images=MOST)

    def test(self, data: bytes, random: Random) -> None:
        self.open(data).test()

    def slices(self, data: bytes, random: Random) -> None:
        dz = self.open(data)
        n = len(dz)
        if n:
            at = random.randrange(n)
            assert (dz[at] == dz[at : at + 1][0]).all()
            assert (dz.codes[at - n] == dz.codes[[at]][0]).all()
            _ = dz.names and (dz.names[at], dz.names[at : at + 3])
            assert dz.labels is None or (dz.labels[at : at + 3][:1] == dz.labels[at]).all()
            next(iter(dz.batches(7, start=at)))

    def rebuild(self, data: bytes, random: Random) -> None:
        dz = self.open(data, rebuild=True)
        _ = dz.info
        dz.test()

    def recover(self, data: bytes, random: Random) -> None:
        out = io.BytesIO()
        model = self._model(data) if random.random() < 0.9 else None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", digitzip.DigitzipWarning)
            saved = digitzip.recover(data, out, model=model, max_images=MOST)
        with self.open(out.getvalue()) as dz:
            assert len(dz) == saved.images
            if saved.verified:
                self._whole(dz)

    def join(self, data: bytes, random: Random) -> None:
        out = io.BytesIO()
        numbers = digitzip.join([data, data] if random.random() < 0.5 else [data, self._good], out)
        assert len(self.open(out.getvalue())) == numbers

    def extract(self, data: bytes, random: Random) -> None:
        out = io.BytesIO()
        dz = self.open(data)
        n = min(len(dz), 50)
        numbers = [random.randrange(n) for _ in range(random.randrange(4))] if n else []
        assert digitzip.extract(dz, numbers, out) == len(numbers)
        self.open(out.getvalue()).test()

    def decompress(self, data: bytes, random: Random) -> None:
        digitzip.decompress(data, model=self._model(data), max_images=MOST)

    def look(self, data: bytes, random: Random) -> None:
        dz = self.open(data)
        _ = dz.info, list(dz.names or ())
        dz.find(random.choice(("0", "-1", ":", "1:3", "a*", "*", "a/1.png", "[", "")))

    def append(self, data: bytes, random: Random) -> None:
        self._path.write_bytes(data)
        try:
            with digitzip.append(self._path, model=self._model(data), effort=0) as out:
                if self._image is not None:
                    labels = [7] if out.labelled else None
                    out.append(self._image, ["new"] if out.named else None, labels)
        except DigitzipError:
            assert self._path.read_bytes() == data
            raise
        self.open(self._path.read_bytes())

    def _whole(self, dz: digitzip.Archive) -> None:
        """Test what was saved: nothing in it may be damaged."""
        try:
            dz.test()
        except DigitzipError as error:
            raise AssertionError(f"what was saved is not whole: {error}") from error
