"""The last few of the values that are dear to make, for any number of threads."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """Remembers the `size` values used last. Two threads may make the same value at once."""

    def __init__(self, make: Callable[[int], Value], size: int) -> None:
        self._make = make
        self._size = size
        self._values: OrderedDict[int, Value] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, key: int) -> Value:
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        value = self._make(key)
        with self._lock:
            self._values[key] = value
            while len(self._values) > self._size:
                self._values.popitem(last=False)
        return value
