"""A disk that fails: at the call of any number, in any of the ways in which a disk is written."""

from __future__ import annotations

import builtins
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from digitzip import atomic

_CALLS: Final = ("fsync", "replace", "rename", "link", "mkdir")


@dataclass
class Disk:
    """Counts what is asked of it; refuses call number `at`, and with `full` each write after it."""

    at: int
    error: int
    full: bool = False
    calls: int = 0
    most: int | None = None
    """Bytes that one write takes, where it does not take all."""

    def ask(self, *, write: bool) -> None:
        number, self.calls = self.calls, self.calls + 1
        if number == self.at or (self.full and write and number > self.at):
            raise OSError(self.error, os.strerror(self.error))

    @property
    def failed(self) -> bool:
        return 0 <= self.at < self.calls


@contextmanager
def failing(disk: Disk) -> Iterator[None]:
    """Let all that is written meanwhile, and all that is renamed or made, ask `disk` first."""

    class Raw(io.FileIO):
        def write(self, data: Any, /) -> int:
            disk.ask(write=True)
            return super().write(memoryview(data).cast("B")[: disk.most])

    def opened(real: Callable[..., Any]) -> Callable[..., Any]:
        def open_(file: Any, mode: str = "r", *rest: Any, **named: Any) -> Any:
            if isinstance(file, int) or "b" not in mode or not set(mode) & set("wxa+"):
                return real(file, mode, *rest, **named)
            raw = Raw(file, mode.replace("b", ""))
            return io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)

        return open_

    def asking(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*rest: Any, **named: Any) -> Any:
            disk.ask(write=False)
            return real(*rest, **named)

        return call

    before = builtins.open, io.open, {name: getattr(os, name) for name in _CALLS}
    part: Any = atomic._Part
    part.__bases__ = (Raw,)
    builtins.open, io.open = opened(before[0]), opened(before[1])
    for name, real in before[2].items():
        setattr(os, name, asking(real))
    try:
        yield
    finally:
        part.__bases__ = (io.FileIO,)
        builtins.open, io.open = before[:2]
        for name, real in before[2].items():
            setattr(os, name, real)
