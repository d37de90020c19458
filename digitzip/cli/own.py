"""What `digitzip train` does around a run: images in, interruptions told, the closing figures."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from digitzip.cli import console
from digitzip.errors import InputError, OutputError
from digitzip.limits import MAX_DIGITS

if TYPE_CHECKING:
    from digitzip.codec import Images
    from digitzip.images import Fit
    from digitzip.training import Figures, Measured, Watcher

CHECKPOINT: Final = "checkpoint.pt"

_LARGE: Final = 1 << 30  # bytes of images that are worth a word


class Lines:
    """A watcher that tells a pipe in lines on stderr, and nothing when quiet."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet

    def step(self, done: int, total: int, loss: float) -> None: ...

    def epoch(self, figures: Figures) -> None:
        self.say(str(figures))

    def say(self, line: str) -> None:
        if not self.quiet:
            print(console.printable(line), file=sys.stderr, flush=True)


@contextmanager
def watcher(training: Any, quiet: bool) -> Iterator[Watcher]:
    """Give what a run reports to: a bar and few lines on a terminal, few lines in a pipe."""
    with ExitStack() as stack:
        if sys.stderr.isatty() and not quiet:
            yield training.Milestones(stack.enter_context(training.Screen()))
        else:
            yield training.Milestones(Lines(quiet))


def parse_size(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> tuple[int, int] | None:
    """Parse HEIGHTxWIDTH; None where it was not given."""
    if value is None:
        return None
    height, _, width = value.partition("x")
    if not (height.isdecimal() and width.isdecimal()):
        raise click.BadParameter(f"{value!r} is not HEIGHTxWIDTH, such as 28x28")
    return int(height), int(width)


def load(data: tuple[str, ...], size: tuple[int, int] | None, fit: Fit, lines: Lines) -> Images:
    """Return all images, uint8 [n, height, width]; without a size, that of the first image."""
    import numpy as np

    from digitzip import images

    like = ""
    if size is None:
        first = images.find_first(data)
        size, like = (first.height, first.width), first.label
    source = images.read(data, height=size[0], width=size[1], fit=fit, like=like)
    if source.count > MAX_DIGITS:
        raise InputError(f"found {source.count:,} images; training takes at most {MAX_DIGITS:,}")
    size_in_memory = source.count * size[0] * size[1]
    if size_in_memory > _LARGE:
        lines.say(f"{source.count:,} images take {2 * size_in_memory / 2**30:.1f} GiB of memory")
    batches = [batch for batch, _ in source]
    return np.concatenate([np.empty((0, *size), np.uint8), *batches])


def refuse_unfinished(checkpoint: Path) -> None:
    """Refuse to start anew where the state of another run would be lost; raises OutputError."""
    if (checkpoint / CHECKPOINT).exists():
        raise OutputError(
            f"{str(checkpoint)!r} holds the state of an unfinished run;"
            " --resume goes on, -f starts anew"
        )


@contextmanager
def keeping(training: Any, checkpoint: Path) -> Iterator[None]:
    """Say, when a run is interrupted or cannot write, up to where its state is kept."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt(f"interrupted; {_kept(training, checkpoint)}") from error
    except SystemExit:
        console.complain(InputError(f"terminated; {_kept(training, checkpoint)}"))
        raise
    except OutputError as error:
        raise OutputError(f"{error}; {_kept(training, checkpoint)}") from error


def _kept(training: Any, checkpoint: Path) -> str:
    try:
        done, epochs = training.epochs_done(checkpoint)
    except InputError:
        return "no epoch was finished, so there is nothing to resume"
    return (
        f"the state after epoch {done} of {epochs} is in"
        f" {str(checkpoint)!r}: the same command with --resume goes on"
    )


def closing(out: str, size: int, pixels: int, measured: Measured, seconds: float) -> list[str]:
    """Return the last lines of a run: the file, its figures, and how it is used."""
    file = shlex.quote(out)
    each = measured.size / measured.digits
    return [
        f"{out}: {size:,} bytes, {seconds:.0f} s",
        f"held out: {measured.digits:,} images in {measured.size:,} bytes, {each:.2f} B/digit,"
        f" ratio {pixels / each:.1f}, RMSE {measured.rmse:.4f}",
        f"to use it:  digitzip compress IMAGES -o out.dz --model {file}",
        f"to read it: digitzip decompress out.dz -o OUT --model {file}"
        " (or without --model, when DIGITZIP_MODELS names its folder)",
    ]
