"""What can go wrong, as one small tree.

    DigitzipError
    ├── InputError          images or files that cannot be compressed as asked
    ├── OutputError         a place that cannot be written, or must not be overwritten
    ├── DamagedError        bytes that no writer wrote
    ├── LimitError          more than a stated limit allows
    ├── UnsupportedError    well-formed, but this build lacks the version or feature
    ├── ModelError          a weights file that is refused, or a model that is not found
    └── BoundError          a bound set by the user that could not be kept

Every message is one line: what was found, what was expected, what to do. A file that cannot be
opened or read is an `OSError`, as everywhere in Python, and archives raise `IndexError` and
`TypeError` where a list would. Any other exception that leaves digitzip is a bug of digitzip.
"""


class DigitzipError(Exception):
    """Root of every error that digitzip raises on purpose."""


class InputError(DigitzipError):
    """Images or files that cannot be compressed as asked."""


class OutputError(DigitzipError):
    """A place that cannot be written, or must not be overwritten."""


class DamagedError(DigitzipError):
    """Bytes that no digitzip writer wrote, or that changed since."""


class LimitError(DigitzipError):
    """More digits, bytes or memory than a stated limit allows."""


class UnsupportedError(DigitzipError):
    """A well-formed file that needs a version or feature this build lacks."""


class ModelError(DigitzipError):
    """A weights file that is refused, or a model that is not found."""


class BoundError(DigitzipError):
    """A bound set by the user that could not be kept."""
