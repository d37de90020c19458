"""`digitzip train`: a thin door to the training room, which needs torch."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from digitzip.cli import plain, streams
from digitzip.cli.talk import Talk, talk_options
from digitzip.errors import OutputError, UnsupportedError

if TYPE_CHECKING:
    from digitzip.codec import Images
    from digitzip.images import Fit
    from digitzip.training import Figures

_SUFFIX: Final = ".safetensors"
_TORCH: Final = ("torch", "tensorboard")


class _Lines:
    """A watcher that tells a pipe each epoch, in a line on stderr, and nothing when quiet."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet

    def step(self, done: int, total: int, loss: float) -> None: ...

    def epoch(self, figures: Figures) -> None:
        self.say(str(figures))

    def say(self, line: str) -> None:
        if not self.quiet:
            print(line, file=sys.stderr, flush=True)


def _parse_size(ctx: click.Context, param: click.Parameter, value: str) -> tuple[int, int]:
    height, _, width = value.partition("x")
    if not (height.isdecimal() and width.isdecimal()):
        raise click.BadParameter(f"{value!r} is not HEIGHTxWIDTH, such as 28x28")
    return int(height), int(width)


@click.command()
@click.option("--data", multiple=True, callback=streams.not_empty, metavar="INPUT",
              help="Images to learn from, as for compress; may be given again.")  # fmt: skip
@click.option("-o", "--out", callback=streams.not_empty,
              metavar="OUT.safetensors", help="Model to write.")  # fmt: skip
@click.option("--recipe", type=click.Choice(["mnist-10", "toy"]), default="mnist-10",
              show_default=True, help="Hyper-parameters to start from.")  # fmt: skip
@click.option("--epochs", type=click.IntRange(1), metavar="N", help="Passes over the images.")
@click.option("--seed", type=click.IntRange(0), metavar="N", help="Seed of everything random.")
@click.option("--learning-rate", type=click.FloatRange(0, min_open=True), metavar="X",
              help="Step size, at its greatest.")  # fmt: skip
@click.option("--batch-size", type=click.IntRange(1), metavar="N", help="Images to a step.")
@plain.options
@click.option("--size", default="28x28", show_default=True, callback=_parse_size,
              metavar="HxW", help="Height and width of an image.")  # fmt: skip
@click.option("--fit", type=click.Choice(["none", "resize", "mnist"]), default="none",
              show_default=True, help="What to do with images of another kind.")  # fmt: skip
@click.option("--checkpoint", callback=streams.not_empty, metavar="FOLDER",
              help="Where to keep the state of the run.  [default: OUT-checkpoint]")  # fmt: skip
@click.option("--resume", is_flag=True, help="Go on from the checkpoint.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, …")
@click.option("--logdir", callback=streams.not_empty, metavar="FOLDER",
              help="Write TensorBoard logs here.")  # fmt: skip
@click.option("--labels", callback=streams.not_empty, metavar="FILE",
              help="IDX labels for TensorBoard.  [default: those beside INPUT]")  # fmt: skip
@click.option("-f", "--force", is_flag=True, help="Overwrite an existing model.")
@talk_options
def train(
    data: tuple[str, ...],
    out: str | None,
    recipe: str,
    epochs: int | None,
    seed: int | None,
    learning_rate: float | None,
    batch_size: int | None,
    encoder_network: tuple[int, ...] | None,
    tied: bool | None,
    activation: str | None,
    optimizer: str | None,
    noise_level: float | None,
    noise_kind: str | None,
    size: tuple[int, int],
    fit: Fit,
    checkpoint: str | None,
    resume: bool,
    device: str,
    logdir: str | None,
    labels: str | None,
    force: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Train a codec for your own images.

    The model is called as its file is. Needs torch: pip install 'digitzip[train]'.
    """
    said = plain.Plain(encoder_network, tied, activation, optimizer, noise_level, noise_kind)
    network = said.check(_given("recipe"))
    if network is not None:
        out = out or plain.default_out(network)
        data = data or plain.default_data()
    if not data or out is None:
        raise click.UsageError(f"Missing option '{'--data' if not data else '-o'}'.")
    target = Path(out)
    if target.suffix != _SUFFIX:
        raise click.UsageError(f"--out is {out!r}, expected a name that ends in {_SUFFIX}")
    if target.exists() and not force:
        raise OutputError(f"{out!r} exists; -f overwrites it")
    state = Path(checkpoint or target.with_name(f"{target.stem}-checkpoint"))
    for place in (target, state):
        if not place.parent.is_dir():
            raise OutputError(
                f"cannot write {str(place)!r}: there is no folder {str(place.parent)!r}"
            )
    training = _training_room()
    talk = Talk(quiet, verbose)
    given = {
        "epochs": epochs, "seed": seed, "learning_rate": learning_rate, "batch": batch_size
    }  # fmt: skip
    changes = {name: value for name, value in given.items() if value is not None}
    start = training.TOY if recipe == "toy" else training.MNIST_10
    images = _load(data, size, fit)
    if network is None:
        chosen = replace(start, name=target.stem, **changes)
    else:
        start = replace(training.EXPERIMENT_2016, name=target.stem)
        chosen = said.recipe(start, images[0].size if len(images) else size[0] * size[1], changes)
    training.train(
        chosen,
        images,
        out=target,
        checkpoint=state,
        device=device,
        resume=resume,
        logdir=None if logdir is None else Path(logdir),
        progress=None if sys.stderr.isatty() and not quiet else _Lines(quiet),
        labels=_labels(labels, data, len(images)) if labels or logdir else None,
    )
    talk.summary(f"{out}: {target.stat().st_size:,} bytes, {talk.seconds:.0f} s")


def _given(name: str) -> bool:
    """Tell whether an option stood on the command line."""
    source = click.get_current_context().get_parameter_source(name)
    return source is click.core.ParameterSource.COMMANDLINE


def _labels(labels: str | None, data: tuple[str, ...], count: int) -> Any:
    """Return the labels of all images, uint8 [n], from the file given or beside them, or None."""
    from digitzip.images.labels import labels_beside, read_labels

    path = Path(labels) if labels else labels_beside(data[0]) if len(data) == 1 else None
    return None if path is None else read_labels(path, count)


def _training_room() -> Any:
    try:
        from digitzip import training
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _TORCH:
            raise
        raise UnsupportedError(
            f"training needs {error.name}, which is not installed: pip install 'digitzip[train]'"
        ) from error
    return training


def _load(data: tuple[str, ...], size: tuple[int, int], fit: Fit) -> Images:
    """Return all images, uint8 [n, height, width]."""
    import numpy as np

    from digitzip import images

    height, width = size
    source = images.read(data, height=height, width=width, fit=fit)
    batches = [batch for batch, _ in source]
    return np.concatenate([np.empty((0, height, width), np.uint8), *batches])
