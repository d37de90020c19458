"""Inputs that cannot be read: all are found before one error names them, or they are left out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from digitzip.errors import InputError


class Problems:
    """What cannot be read, each place with its error.

    With `skip`, images that cannot be read are left out. Without, `check` raises.
    """

    def __init__(self, skip: bool = False) -> None:
        self.skip = skip
        self._found: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._found)

    @property
    def lines(self) -> tuple[str, ...]:
        """One line for each problem, in the order in which they were found."""
        return tuple(self._found.values())

    def forget(self) -> None:
        """Begin anew, unless what was found is left out."""
        if not self.skip:
            self._found.clear()

    def add(self, place: str, error: InputError) -> None:
        """Note a problem of a file, or of one image of a file; a place has one problem."""
        self._found.setdefault(place, str(error))

    @contextmanager
    def noting(self, place: str) -> Iterator[None]:
        """Note an `InputError` as a problem of this place."""
        try:
            yield
        except InputError as error:
            self.add(place, error)

    def check(self, count: int) -> None:
        """Raise one `InputError` for all problems among `count` images, unless they are skipped."""
        lines = self.lines
        if self.skip or not lines:
            return
        if len(lines) == 1:
            raise InputError(lines[0] + ("; skip_bad=True leaves it out" if count > 1 else ""))
        error = InputError(
            f"{len(lines):,} of {count:,} images cannot be read; skip_bad=True leaves them out:"
            f" {lines[0]}, and {len(lines) - 1:,} more"
        )
        error.problems = lines
        raise error
