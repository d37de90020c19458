"""An LRU cache of expensive values, for any number of threads."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class LRUCache(Generic[Value]):
    """Keeps the values used last, up to `budget` bytes, and at least one.

    `make(key)` returns a value, `size(value)` its bytes. Two threads may make one value at once.
    """

    def __init__(
        self, make: Callable[[int], Value], size: Callable[[Value], int], budget: int
    ) -> None:
        self._make = make
        self._size = size
        self._left = budget
        self._values: OrderedDict[int, Value] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, key: int) -> Value:
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        value = self._make(key)
        with self._lock:
            if key not in self._values:
                self._values[key] = value
                self._left -= self._size(value)
            while self._left < 0 and len(self._values) > 1:
                self._left += self._size(self._values.popitem(last=False)[1])
        return value
