"""The `digitzip` command, also as `python -m digitzip`."""

import os
import signal
import sys
from types import FrameType

STREAMS = (("stdin", "r", os.O_WRONLY), ("stdout", "w", os.O_RDONLY), ("stderr", "w", os.O_WRONLY))


def main() -> None:
    """Run the command line and exit with its code; SIGTERM cleans up as Ctrl-C does."""
    try:
        signal.signal(signal.SIGTERM, _terminate)
        _replace_closed_streams()
        from digitzip.cli import digitzip

        digitzip.main(prog_name="digitzip")
    except KeyboardInterrupt:
        sys.exit(130)


def _terminate(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


def _replace_closed_streams() -> None:
    """Put the null device in place of standard streams that are closed.

    Input is opened for writing only and output for reading only, so using them is an ordinary
    error of a stream. Text for a closed stderr is lost. No other file gets their descriptors.
    """
    for name, mode, flags in STREAMS:
        if getattr(sys, name) is None:
            null = os.open(os.devnull, flags)
            setattr(sys, name, open(null, mode, closefd=False))  # noqa: SIM115


if __name__ == "__main__":
    main()
