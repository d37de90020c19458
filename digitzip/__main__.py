"""The `digitzip` command, also as `python -m digitzip`."""

import signal
import sys
from types import FrameType


def main() -> None:
    """Run the command line and exit with its code; a polite kill cleans up like Ctrl-C."""
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
