"""The `digitzip` command, also as `python -m digitzip`."""

import os
import signal
import sys
from types import FrameType

ONE_BLAS_THREAD = ("OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""Batches run in threads of our own: small products gain nothing from more, and would contend."""

STREAMS = (("stdin", "r", os.O_WRONLY), ("stdout", "w", os.O_RDONLY), ("stderr", "w", os.O_WRONLY))


def main() -> None:
    """Run the command line and exit with its code; a polite kill cleans up like Ctrl-C."""
    for variable in ONE_BLAS_THREAD:
        os.environ.setdefault(variable, "1")
    try:
        signal.signal(signal.SIGTERM, _terminate)
        _replace_closed_streams()
        from digitzip.cli import console

        sys.exit(console.run(_run))
    except KeyboardInterrupt:
        sys.exit(130)


def _run() -> None:
    from digitzip.cli import console, digitzip

    with console.at("standard output"):  # commands tell their own errors; this is about help
        digitzip.main(prog_name="digitzip")


def _terminate(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


def _replace_closed_streams() -> None:
    """Put the null device in place of standard streams that are closed.

    Input is open for writing only and output for reading only: to use them is an error like any
    other of a stream. What goes to a closed stderr is lost. No file of ours gets their numbers.
    """
    for name, mode, flags in STREAMS:
        if getattr(sys, name) is None:
            null = os.open(os.devnull, flags)
            setattr(sys, name, open(null, mode, closefd=False))  # noqa: SIM115


if __name__ == "__main__":
    main()
