"""Processes that run work for a thread each."""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from digitzip.errors import DigitzipError

_SERVE: Final = (
    "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); "
    "from digitzip.jobs.worker import serve; serve()"
)


class Worker:
    """A process that runs one piece of work after the other; see `serve`.

    It does not import the program of the user, so programs need no guard. Ctrl-C does not reach it.
    """

    def __init__(self) -> None:
        flags = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)  # of Windows
        with _without_interrupts():
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _SERVE],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                creationflags=flags,
            )
        self.send(sys.path)

    def send(self, value: object) -> None:
        """Send one value; raises `DigitzipError` where the process has ended."""
        pipe = self._process.stdin
        assert pipe is not None
        try:
            pickle.dump(value, pipe, pickle.HIGHEST_PROTOCOL)
            pipe.flush()
        except (OSError, ValueError) as error:  # ValueError: closed by `kill`
            raise self._ended() from error

    def call(self, work: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        """Return the result of the work, or raise its error."""
        self.send((work, arguments))
        pipe = self._process.stdout
        assert pipe is not None
        try:
            done, value = pickle.load(pipe)
        except (EOFError, OSError, ValueError, pickle.UnpicklingError) as error:
            raise self._ended() from error
        if done:
            return value
        raise value

    def kill(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError, ValueError):
                if pipe is not None:
                    pipe.close()

    def _ended(self) -> DigitzipError:
        code = self._process.wait()
        return DigitzipError(
            f"a worker process ended with code {code}, perhaps for want of memory; try a "
            "smaller jobs="
        )


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Start processes that SIGINT does not reach: a blocked signal stays blocked in a child."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def serve() -> None:
    """Run work from standard input until it ends; results go to standard output."""
    pipe, out = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # nothing else may write between results
    context = pickle.load(pipe)
    while True:
        try:
            work, arguments = pickle.load(pipe)
        except EOFError:
            return
        answer: tuple[bool, Any]
        try:
            answer = True, work(context, *arguments)
        except Exception as error:
            answer = False, error
        pickle.dump(answer, out, pickle.HIGHEST_PROTOCOL)
        out.flush()
