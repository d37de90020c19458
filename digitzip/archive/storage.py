"""Bytes at an offset, from a path, a file object or memory, for any number of threads."""

from __future__ import annotations

import errno
import io
import os
import threading
from os import PathLike
from pathlib import Path
from typing import BinaryIO

from digitzip.errors import DamagedError

_PIPE = "it is a pipe, which is read only once: save it to a file, or give it as standard input, -"

_NAME = "the encoding of file names lacks characters of it; set PYTHONUTF8=1"

Readable = str | PathLike[str] | bytes | bytearray | memoryview | BinaryIO


def _is_text(file: object) -> bool:
    return isinstance(file, io.TextIOBase)


class Storage:
    """A source of bytes with a known size.

    A file opened by path is read with `os.pread` where there is one, so that processes that
    share it after a fork do not move each other's position; elsewhere a lock does.
    """

    def __init__(self, file: Readable) -> None:
        self.source = file
        self.closed = False
        self._lock = threading.Lock()
        self._owned = isinstance(file, str | PathLike)
        self._file: BinaryIO
        if isinstance(file, str | PathLike):
            try:
                self._file = Path(file).open("rb")  # noqa: SIM115 - closed by close()
            except UnicodeError as error:
                raise OSError(errno.EILSEQ, _NAME, os.fspath(file)) from error
        elif isinstance(file, bytes | bytearray | memoryview):
            self._file = io.BytesIO(file)
        elif hasattr(file, "read") and hasattr(file, "seek") and not _is_text(file):
            self._file = file
        else:
            raise TypeError(f"expected a path, bytes or a binary file, not {file!r}")
        try:
            self.size = self._file.seek(0, io.SEEK_END)
        except OSError as error:
            self.close()
            if isinstance(error, io.UnsupportedOperation) or error.errno == errno.ESPIPE:
                path = os.fspath(file) if isinstance(file, str | PathLike) else None
                raise OSError(errno.ESPIPE, _PIPE, path) from error
            raise

    def read(self, offset: int, size: int) -> bytes:
        """Return exactly `size` bytes from `offset`; raises `DamagedError` at the end of file."""
        data = self._read_some(offset, size)
        if len(data) < size:  # a file may give less than it is asked for before its end
            whole = bytearray(data)
            while data and len(whole) < size:
                data = self._read_some(offset + len(whole), size - len(whole))
                whole += data
            data = bytes(whole)
        if len(data) != size:
            raise DamagedError(f"the file ends early: {size} bytes expected at {offset}")
        return data

    def _read_some(self, offset: int, size: int) -> bytes:
        if self._owned and hasattr(os, "pread"):
            return os.pread(self._file.fileno(), size, offset)
        with self._lock:
            self._file.seek(offset)
            return self._file.read(size)

    def close(self) -> None:
        self.closed = True
        if self._owned:
            self._file.close()
