"""Processes of their own: runs of the command, also up to a named call, and what programs hold."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

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

_PEAK: Final = """
import json, resource, sys, time
def peak():
    if sys.platform == "linux":  # where ru_maxrss is also of the process it was forked from
        lines = open("/proc/self/status").read().splitlines()
        return int(next(line for line in lines if "VmHWM" in line).split()[1]) >> 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 20
"""
_TOLD: Final = """
print(json.dumps({"said": said, "mb": peak(), "seconds": time.process_time()}))
"""


def measured(program: str, *arguments: str) -> dict[str, Any]:
    """Run a program that sets `said`; return it, its CPU seconds, and the most MB it held.

    The program may call `peak()`, the most MB that it has held so far.
    """
    words = [sys.executable, "-c", _PEAK + program + _TOLD, *arguments]
    root = Path(__file__).parents[1]
    done = subprocess.run(words, capture_output=True, text=True, cwd=root)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


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
