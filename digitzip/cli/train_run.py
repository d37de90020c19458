"""What every `digitzip train` shares: options, images in, reports, interruptions, last lines."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from digitzip import InputError, OutputError, UnsupportedError
from digitzip.cli import console
from digitzip.cli.talk import Talk
from digitzip.limits import MAX_IMAGES

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from digitzip import Fit
    from digitzip.training import Measured, Watcher

CHECKPOINT: Final = "checkpoint.pt"

_Command = TypeVar("_Command", bound=Callable[..., Any])
_LARGE: Final = 1 << 30  # bytes of images that deserve a warning
_TORCH: Final = ("torch", "tensorboard")


def set_option(command: _Command) -> _Command:
    """Add --set NAME=VALUE to a command, which gets `values` by name."""
    return click.option(
        "--set", "values", multiple=True, callback=_parse_values, metavar="NAME=VALUE",
        help="Set any hyper-parameter, such as decoder.width=640; may be given again.",
    )(command)  # fmt: skip


def threads_option(command: _Command) -> _Command:
    """Add --threads to a command."""
    return click.option(
        "--threads", type=click.IntRange(1), metavar="N",
        help="Threads of torch; another number changes the last bits of the weights."
             "  [default: torch's]",
    )(command)  # fmt: skip


def _parse_values(
    ctx: click.Context, param: click.Parameter, pairs: tuple[str, ...]
) -> dict[str, str]:
    values: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise click.BadParameter(f"{pair!r} is not NAME=VALUE")
        values[name] = value
    return values


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


def training_room(threads: int | None) -> Any:
    """Return the package `digitzip.training`; raise `UnsupportedError` without torch."""
    try:
        from digitzip import training
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _TORCH:
            raise
        raise UnsupportedError(
            f"training needs {error.name}, which is not installed: pip install 'digitzip[train]'"
        ) from error
    if threads is not None:
        training.set_num_threads(threads)
    return training


def load(
    data: tuple[str, ...], size: tuple[int, int] | None, fit: Fit, talk: Talk
) -> npt.NDArray[np.uint8]:
    """Return all images, uint8 [n, height, width]; without a size, that of the first image."""
    import numpy as np

    import digitzip

    height, width = (None, None) if size is None else size
    source = digitzip.read_images(data, height=height, width=width, fit=fit)
    source.check()
    if source.count > MAX_IMAGES:
        raise InputError(f"found {source.count:,} images; training takes at most {MAX_IMAGES:,}")
    size_in_memory = source.count * source.height * source.width
    if size_in_memory > _LARGE:
        talk.warn(f"{source.count:,} images take {2 * size_in_memory / 2**30:.1f} GiB of memory")
    batches = [batch for batch, _ in source]
    return np.concatenate([np.empty((0, source.height, source.width), np.uint8), *batches])


def watcher(training: Any, quiet: bool) -> AbstractContextManager[Watcher]:
    """Return what a run reports to: a bar and few lines on a terminal, few lines in a pipe."""
    return nullcontext(training.SILENT) if quiet else training.Screen()


def say(line: str, quiet: bool) -> None:
    """Print a line on stderr unless quiet."""
    if not quiet:
        print(console.printable(line), file=sys.stderr, flush=True)


@contextmanager
def keeping(training: Any, checkpoint: Path) -> Iterator[None]:
    """When a run is interrupted or cannot write, say up to which epoch its state is kept."""
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
        stored = training.load_checkpoint(checkpoint)
    except InputError:
        return "no epoch was finished, so there is nothing to resume"
    return (
        f"the state after epoch {stored.epoch} of {stored.epochs} is in"
        f" {str(checkpoint)!r}: the same command with --resume goes on"
    )


def closing(
    out: str, path: Path, pixels: int, measured: Measured, seconds: float
) -> tuple[str, ...]:
    """Return the last lines of a run: the file, its figures, and how it is used."""
    file = shlex.quote(out)
    each = measured.size / measured.images
    return (
        f"{out}: {path.stat().st_size:,} bytes, {seconds:.0f} s",
        f"held out: {measured.images:,} images in {measured.size:,} bytes, {each:.2f} B/image,"
        f" ratio {pixels / each:.1f}, RMSE {measured.rmse:.4f}",
        f"to use it:  digitzip compress IMAGES -o out.dz --model {file}",
        f"to read it: digitzip decompress out.dz -o OUT --model {file}"
        " (or without --model, when DIGITZIP_MODELS names its folder)",
    )
