"""BLAS on one thread while digitzip multiplies; at all other times it stays as the user set it.

Our products are small. More threads gain nothing on an idle machine, and on a busy one they wait
for each other.
"""

from __future__ import annotations

import os
import threading
from contextlib import ContextDecorator
from typing import Any


class _OneThread(ContextDecorator):
    """A context manager and decorator; it may be entered many times, from any threads.

    The first to enter notes the number of threads of each BLAS library and sets it to one; the
    last to leave restores it.
    """

    def __init__(self) -> None:
        self._libraries: list[Any] | None = None
        self._before: list[int] = []
        self.forget()

    def forget(self) -> None:
        """Start anew in a forked process, in which no other thread of its parent goes on."""
        self._lock, self._inside = threading.Lock(), 0

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._libraries is None:
                self._libraries = _find_libraries()
            if not self._before:
                self._before = [library.get_num_threads() for library in self._libraries]
                self._set([1] * len(self._libraries))

    def __exit__(self, *_error: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._set(self._before)
                self._before = []

    def _set(self, threads: list[int]) -> None:
        for library, before, number in zip(
            self._libraries or (), self._before, threads, strict=True
        ):
            if before > 1:
                library.set_num_threads(number)


def _find_libraries() -> list[Any]:
    """Return the BLAS libraries that this process has loaded; NumPy's is among them."""
    from threadpoolctl import ThreadpoolController  # takes milliseconds: only when needed

    controllers: list[Any] = ThreadpoolController().select(user_api="blas").lib_controllers
    return controllers


one_thread = _OneThread()
"""`with one_thread:` or `@one_thread` around products."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=one_thread.forget)
