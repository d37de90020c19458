"""Runs that are killed at a named call: the run tells that it is there, and waits for the kill."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Any


def killed_at(
    owner: object, name: str, run: Callable[[], object], *, call: int = 0, half: bool = False
) -> bool:
    """Call `run` in a child and kill it (SIGKILL) as it calls `owner.name`; return whether it did.

    It is killed before call number `call`, or, with `half`, after it has written half of its data.
    Where the call is never made, the child must end without an error.
    """
    reads, writes = os.pipe()
    child = os.fork()
    if not child:
        code = 70
        with suppress(BaseException):
            _stop(owner, name, call, half, writes)
            run()
            code = 0
        os._exit(code)
    os.close(writes)
    there = os.read(reads, 1) == b"!"
    os.close(reads)
    if there:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert there or os.waitstatus_to_exitcode(status) == 0, f"the run failed: {status}"
    return there


def _stop(owner: object, name: str, call: int, half: bool, told: int) -> None:
    """Replace `owner.name` so that call number `call` tells and waits for ever."""
    real, calls = getattr(owner, name), iter(range(1 << 30))

    def stopping(*arguments: Any, **named: Any) -> Any:
        if next(calls) == call:
            if half:
                *before, data = arguments
                real(*before, memoryview(data)[: len(data) // 2])
            os.write(told, b"!")
            while True:
                signal.pause()
        return real(*arguments, **named)

    setattr(owner, name, stopping)
