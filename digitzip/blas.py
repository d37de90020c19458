"""BLAS on one thread while digitzip multiplies; at all other times it stays as the user set it.

Our products are small. More threads gain nothing on an idle machine, and on a busy one they wait
for each other. The library is the OpenBLAS that NumPy's wheels bundle; its number of threads holds
for the process. Other libraries keep to their own settings, such as MKL_NUM_THREADS.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Callable
from contextlib import ContextDecorator
from itertools import product
from pathlib import Path


class _OneThread(ContextDecorator):
    """A context manager and decorator; it may be entered many times, from any threads.

    The first to enter notes the number of threads and sets it to one; the last to leave restores
    it.
    """

    def __init__(self) -> None:
        self._before: int | None = None
        self.forget()

    def forget(self) -> None:
        """Start anew in a forked process, in which no other thread of its parent goes on."""
        self._lock, self._inside = threading.Lock(), 0

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._before is None:
                self._before = LIBRARY.threads()
                if self._before > 1:
                    LIBRARY.set_threads(1)

    def __exit__(self, *_error: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside and self._before is not None:
                if self._before > 1:
                    LIBRARY.set_threads(self._before)
                self._before = None


class _Library:
    """The library of NumPy, found when it is first asked; one thread where it is another one."""

    def __init__(self) -> None:
        self._calls: tuple[Callable[[], int], Callable[[int], object]] | None = None

    def threads(self) -> int:
        """Return the number of threads."""
        return self._found()[0]()

    def set_threads(self, count: int) -> None:
        """Set the number of threads."""
        self._found()[1](count)

    def _found(self) -> tuple[Callable[[], int], Callable[[int], object]]:
        if self._calls is None:
            self._calls = _find_calls() or (lambda: 1, lambda count: None)
        return self._calls


def _find_calls() -> tuple[Callable[[], int], Callable[[int], object]] | None:
    """Return the functions that get and set the number of threads, or None."""
    package = Path(sys.modules["numpy"].__file__ or "").parent
    folders = (package.parent / "numpy.libs", package / ".dylibs")
    for path in (path for folder in folders for path in sorted(folder.glob("*openblas*"))):
        library = ctypes.CDLL(str(path))
        for prefix, suffix in product(("scipy_", ""), ("64_", "")):
            names = (f"{prefix}openblas_{verb}_num_threads{suffix}" for verb in ("get", "set"))
            get, set_ = (getattr(library, name, None) for name in names)
            if get is not None and set_ is not None:
                return get, set_
    return None


LIBRARY = _Library()
one_thread = _OneThread()
"""`with one_thread:` or `@one_thread` around products."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=one_thread.forget)
