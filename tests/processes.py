"""Runs of the command that stop at a named call and wait there, to be killed or looked at."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

MAIN: Final = "from digitzip.__main__ import main; main()"

_STOPPED: Final = """
import importlib, signal, sys
signal.signal(2, signal.default_int_handler)
module, name = sys.argv.pop(1).rsplit(":", 1)
module, _, class_ = module.partition("/")
owner = importlib.import_module(module)
owner = getattr(owner, class_) if class_ else owner
real = getattr(owner, name)
def stopped(*given, **named):
    print("stopped", flush=True)
    sys.stdin.readline()  # until the other side lets it go on
    return real(*given, **named)
setattr(owner, name, stopped)
"""


def spawn(*arguments: str, code: str = MAIN) -> list[str]:
    """Return the words of a run of the command in a process of its own."""
    return [sys.executable, "-c", code, *arguments]


@contextmanager
def stopped_at(call: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run the command up to a call, `module:name` or `module/class:name`, and wait there.

    A line on its standard input lets it go on.
    """
    code, pipe = _STOPPED + MAIN, subprocess.PIPE
    words = spawn(call, *arguments, code=code)
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"stopped\n", process.communicate()
            yield process
        finally:
            process.kill()
