"""Formats by their first bytes: what reads a file, or what it is and the next step.

One table names the files that people have and that hold no image for Pillow. A step is short enough
for an error message, and following it loses nothing. This module knows bytes, not files.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from digitzip.images import idx, npy

HEAD: Final = 1 << 10
"""Bytes at the start of a file that tell its format."""

_READERS: Final = {
    b"\x1f\x8b": "gzip",
    b"\xfd7zXZ\0": "xz",
    b"BZh": "bzip2",
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    npy.MAGIC: "NPY",
}
_UNPACK: Final = "unpack it first"
_LOAD: Final = "load it where it was made, and save its images with numpy.save or as image files"
_CONVERT: Final = "convert it to PNG first"
_TEXT: Final = frozenset(range(32, 256)) | frozenset(b"\t\n\r\f")


class Format(NamedTuple):
    """A format: how it starts, what it is called, and what to do with it."""

    start: bytes | Callable[[bytes], object]
    name: str
    step: str

    def starts(self, head: bytes) -> bool:
        """Tell whether a file with these first bytes has this format."""
        return (
            head.startswith(self.start) if isinstance(self.start, bytes) else bool(self.start(head))
        )


def reader_of(head: bytes) -> str | None:
    """Return what reads a file that starts so: IDX, NPY, zip, tar, table, gzip, xz or bzip2."""
    for start, reader in _READERS.items():
        if head.startswith(start) and not _is_dictzip(head):
            return reader
    if idx.looks_like_idx(head):
        return "IDX"
    if head[257:262] == b"ustar":
        return "tar"
    return "table" if _is_table(head) else None


def foreign(head: bytes) -> str | None:
    """Return what a file is that nothing here reads, with the next step; None if it may be read."""
    if not head:
        return "empty, 0 bytes long"
    found = next((each for each in _FOREIGN if each.starts(head)), None)
    return None if found is None else f"{found.name}; {found.step}"


def _brand(*brands: bytes) -> Callable[[bytes], bool]:
    return lambda head: head[4:8] == b"ftyp" and head[8:12] in brands and b"avif" not in head[12:40]


def _is_dictzip(head: bytes) -> bool:
    return head.startswith(b"\x1f\x8b") and len(head) > 13 and bool(head[3] & 4) and (
        head[12:14] == b"RA"
    )  # fmt: skip


def _is_table(head: bytes) -> bool:
    """Tell whether a file starts as a CSV file of many columns, or as an ARFF file."""
    if re.match(rb"\s*(%[^\n]*\n\s*)*@relation\b", head, re.IGNORECASE):
        return True
    line = head.removeprefix(b"\xef\xbb\xbf").partition(b"\n")[0]
    columns = max(line.count(sign) for sign in (b",", b";", b"\t"))
    return _is_text(head) and columns >= 16


def _is_text(head: bytes) -> bool:
    return _TEXT.issuperset(head.removeprefix(b"\xef\xbb\xbf"))


def _is_markup(head: bytes) -> object:
    return re.match(rb"(\xef\xbb\xbf)?\s*<(\?xml|!doctype|svg|html)", head, re.IGNORECASE)


def _is_old_pickle(head: bytes) -> object:
    return re.match(rb"(\(?c[\w.]+\n\w+\n|\(dp0\n|\(lp0\n)", head)


_FOREIGN: Final = (
    Format(b"\x5d\x2a\x4d\x18", "a digitzip archive", "digitzip cat joins archives, and"
           " digitzip decompress makes images of it"),
    Format(_is_dictzip, "a dictzip file, which also has the suffix .dz", "gzip -dc unpacks it"),
    Format(b"\x80\x02", "a pickle, which digitzip never loads", _LOAD),
    Format(b"\x80\x03", "a pickle, which digitzip never loads", _LOAD),
    Format(b"\x80\x04", "a pickle, which digitzip never loads", _LOAD),
    Format(b"\x80\x05", "a pickle, which digitzip never loads", _LOAD),
    Format(_is_old_pickle, "a pickle, which digitzip never loads", _LOAD),
    Format(b"PAR1", "a Parquet file", "read it with pandas.read_parquet, and save its images with"
           " numpy.save or as image files"),
    Format(b"ARROW1", "an Arrow file", "read it with pandas.read_feather, and save its images with"
           " numpy.save or as image files"),
    Format(b"MATLAB 5.0", "a MAT file", "images = scipy.io.loadmat(FILE)[NAME], and save them with"
           " numpy.save"),
    Format(b"MATLAB 7.3", "a MAT file of version 7.3", "images = h5py.File(FILE)[NAME][:], and save"
           " them with numpy.save"),
    Format(b"\x89HDF\r\n\x1a\n", "an HDF5 file", "images = h5py.File(FILE)[NAME][:], and save them"
           " with numpy.save"),
    Format(b"SQLite format 3", "an SQLite database", "save its images as image files"),
    Format(b"\x28\xb5\x2f\xfd", "compressed with Zstandard", f"{_UNPACK}: zstd -d"),
    Format(b"\x04\x22\x4d\x18", "compressed with LZ4", f"{_UNPACK}: lz4 -d"),
    Format(b"\x1f\x9d", "compressed with compress", f"{_UNPACK}: gzip -d"),
    Format(b"7z\xbc\xaf\x27\x1c", "a 7z archive", f"{_UNPACK}: 7z x"),
    Format(b"Rar!\x1a\x07", "a RAR archive", f"{_UNPACK}: unrar x"),
    Format(_brand(b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1"), "a HEIC image",
           f"{_CONVERT}: heif-convert FILE.heic FILE.png"),
    Format(_brand(b"isom", b"mp41", b"mp42", b"qt  ", b"M4V "), "a video", "save its frames as PNG"
           " files: ffmpeg -i FILE frame-%05d.png"),
    Format(b"%PDF-", "a PDF file", "make pictures of its pages: pdftoppm -r 300 -png FILE.pdf"
           " page"),
    Format(b"AT&TFORM", "a DjVu file", "make pictures of its pages: ddjvu -format=tiff"),
    Format(b"\xff\x0a", "a JPEG XL image", f"{_CONVERT}: djxl FILE.jxl FILE.png"),
    Format(b"\0\0\0\x0cJXL ", "a JPEG XL image", f"{_CONVERT}: djxl FILE.jxl FILE.png"),
    Format(lambda head: head[128:132] == b"DICM", "a DICOM file", _CONVERT),
    Format(b"gimp xcf", "a GIMP picture", _CONVERT),
    Format(b"version https://git-lfs", "a pointer of Git LFS", "fetch the file: git lfs pull"),
    Format(_is_markup, "markup such as HTML or SVG", "give a picture made of pixels"),
)  # fmt: skip


def text(head: bytes) -> str | None:
    """Return what a file of text is, for errors; None for any other file."""
    if not head or not _is_text(head):
        return None
    columns = 1 + head.partition(b"\n")[0].count(b",")
    return f"text with {columns} columns a line" if columns > 1 else "text"
