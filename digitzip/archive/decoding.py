"""Chunks -> codes, corrections and images: pure functions of a codec and a chunk."""

from __future__ import annotations

import zlib
from pathlib import Path

from digitzip.codec import Codec, Codes, Images
from digitzip.entropy.corrections import Corrections, unpack_corrections
from digitzip.errors import DamagedError, ModelError
from digitzip.format import Chunk, Header, LayerType
from digitzip.model import Model, find_model, load_model


def codec_for(header: Header, model: str | Path | Model | None) -> Codec:
    """Return the codec of a file with this header, whose model `model` must be if it is given.

    Raises `ModelError` when the model is another one, or when no known folder holds it.
    """
    if model is None:
        found = find_model(header.model_id)
    else:
        found = model if isinstance(model, Model) else load_model(model)
    if found.id != header.model_id:
        raise ModelError(
            f"the file needs model {header.model_id.hex()}; {found.name} is {found.id.hex()}"
        )
    shape = (found.shape.height, found.shape.width, found.shape.dims)
    if shape != (header.height, header.width, header.dims):
        raise DamagedError("header: height, width or dims are not those of its model")
    return Codec(found, header.levels, 0)


def unpack_codes(codec: Codec, chunk: Chunk) -> Codes:
    """Return the codes of a chunk, uint8 [n, d]; raises `DamagedError`."""
    return codec.coder.unpack(chunk.layers[0].body, chunk.images, codec.model.shape.dims)


def unpack_corrected(codec: Codec, chunk: Chunk, codes: Codes) -> Corrections:
    """Return the corrections of a chunk that has some; raises `DamagedError`."""
    layer = chunk.layer(LayerType.CORRECTIONS)
    body = b"" if layer is None else layer.body
    return unpack_corrections(
        body, chunk.images, lambda rows: codec.decode(codes[rows]), codec.residual
    )


def decode_chunk(codec: Codec, chunk: Chunk) -> Images:
    """Return the final pixels of a chunk, uint8 [n, height, width]; raises `DamagedError`."""
    codes = unpack_codes(codec, chunk)
    recon = codec.decode(codes)
    if chunk.layer(LayerType.CORRECTIONS) is None:
        return recon
    return unpack_corrected(codec, chunk, codes).apply(recon)


def check_pixels(images: Images, chunk: Chunk, span: range) -> None:
    """Compare decoded images with the pixel CRC of their chunk; raises `DamagedError`."""
    if zlib.crc32(images.data) != chunk.pixel_crc:
        raise DamagedError(
            f"images {span.start} to {span.stop - 1} do not decode "
            "to the pixels their writer saw; digitzip.recover saves the other chunks"
        )


def decode_verified(codec: Codec, work: tuple[Chunk, range]) -> Images:
    """Return the images of a chunk and its span, verified by its pixel CRC."""
    chunk, span = work
    images = decode_chunk(codec, chunk)
    check_pixels(images, chunk, span)
    return images
