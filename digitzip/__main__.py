"""The `digitzip` command, also as `python -m digitzip`."""

import os
import signal
import sys
from types import FrameType

ONE_BLAS_THREAD = ("OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""Batches run in threads of our own: small products gain nothing from more, and would contend."""


def main() -> None:
    """Run the command line and exit with its code; a polite kill cleans up like Ctrl-C."""
    for variable in ONE_BLAS_THREAD:
        os.environ.setdefault(variable, "1")
    try:
        signal.signal(signal.SIGTERM, _terminate)
        from digitzip.cli import digitzip

        digitzip.main(prog_name="digitzip")
    except KeyboardInterrupt:
        sys.exit(130)


def _terminate(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
