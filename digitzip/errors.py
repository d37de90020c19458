"""The exceptions and the warning of digitzip.

    DigitzipError
    ├── InputError (ValueError)             images, names or arguments that are refused
    ├── ClosedError (ValueError)            an archive or a writer that is used after it was closed
    ├── OutputError (OSError)               an output that cannot be written
    │   └── ExistsError (FileExistsError)   an output that exists and must not be replaced
    ├── DamagedError (ValueError)           bytes that no writer wrote
    ├── LimitError (ValueError)             more than a limit allows
    ├── UnsupportedError (ValueError)       well-formed, but needs another version of digitzip
    ├── ModelError (ValueError)             a weights file that is refused, or that is not found
    └── BoundError (ValueError)             a bound that cannot be kept

    DigitzipWarning (UserWarning)

Every message is one line: what was found, what was expected, what to do. A file that cannot be
opened or read is an `OSError`, as everywhere in Python; archives raise `IndexError` and `TypeError`
where a sequence would. Any other exception that leaves digitzip is a bug.
"""


class DigitzipError(Exception):
    """Base class of all digitzip exceptions."""


class InputError(DigitzipError, ValueError):
    """Images, names or arguments that are refused.

    Where several inputs cannot be read, `problems` has a line for each of them.
    """

    problems: tuple[str, ...] = ()


class ClosedError(DigitzipError, ValueError):
    """An archive or a writer that is used after it was closed."""


class OutputError(DigitzipError, OSError):
    """An output that cannot be written."""


class ExistsError(OutputError, FileExistsError):
    """An output that exists and must not be replaced."""


class DamagedError(DigitzipError, ValueError):
    """Bytes that no digitzip writer wrote, or that changed since."""


class LimitError(DigitzipError, ValueError):
    """More images, bytes or memory than a limit allows."""


class UnsupportedError(DigitzipError, ValueError):
    """A well-formed file that needs a version or a feature that this build lacks."""


class ModelError(DigitzipError, ValueError):
    """A weights file that is refused, or a model that is not found."""


class BoundError(DigitzipError, ValueError):
    """A bound set by the user that cannot be kept."""


class DigitzipWarning(UserWarning):
    """Category of all digitzip warnings."""


for _class in (DigitzipWarning, DigitzipError, *DigitzipError.__subclasses__(), ExistsError):
    _class.__module__ = "digitzip"  # where they are exported, as tracebacks show it
