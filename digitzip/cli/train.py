"""`digitzip train`: a thin door to the training room, which needs torch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from digitzip.cli import own, plain, streams
from digitzip.cli.talk import Talk, talk_options
from digitzip.errors import OutputError, UnsupportedError
from digitzip.limits import DIMS

if TYPE_CHECKING:
    from digitzip.images import Fit

_SUFFIX: Final = ".safetensors"
_TORCH: Final = ("torch", "tensorboard")


@click.command()
@click.option("--data", multiple=True, callback=streams.not_empty, metavar="INPUT",
              help="Images to learn from, as for compress; may be given again.")  # fmt: skip
@click.option("-o", "--out", callback=streams.not_empty,
              metavar="OUT.safetensors", help="Model to write.")  # fmt: skip
@click.option("--recipe", type=click.Choice(["own", "mnist", "toy"]), default="own",
              show_default=True,
              help="Hyper-parameters: for any images, MNIST's, or a test's.")  # fmt: skip
@click.option("--epochs", type=click.IntRange(1), metavar="N",
              help="Passes over the images.  [default: the recipe's; own: 20 to 400]")  # fmt: skip
@click.option("--dims", type=click.IntRange(DIMS[0], DIMS[-1]), metavar="K",
              help="Numbers in a code: fewer, fewer bytes.  [default: 10; toy: 4]")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), metavar="N", help="Seed of everything random.")
@click.option("--learning-rate", type=click.FloatRange(0, min_open=True), metavar="X",
              help="Step size, at its greatest.")  # fmt: skip
@click.option("--batch-size", type=click.IntRange(1), metavar="N", help="Images to a step.")
@plain.options
@click.option("--size", callback=own.parse_size, metavar="HxW",
              help="Height and width of an image.  [default: as the first]")  # fmt: skip
@click.option("--fit", type=click.Choice(["none", "resize", "mnist"]), default="none",
              show_default=True, help="What to do with images of another kind.")  # fmt: skip
@click.option("--checkpoint", callback=streams.not_empty, metavar="FOLDER",
              help="Where to keep the state of the run; a folder named here stays when it ends."
                   "  [default: OUT-checkpoint]")  # fmt: skip
@click.option("--resume", is_flag=True, help="Go on from the checkpoint of an interrupted run.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, …")
@click.option("--logdir", callback=streams.not_empty, metavar="FOLDER",
              help="Write TensorBoard logs here.")  # fmt: skip
@click.option("--labels", callback=streams.not_empty, metavar="FILE",
              help="IDX labels for TensorBoard.  [default: those beside INPUT]")  # fmt: skip
@click.option("-f", "--force", is_flag=True, help="Overwrite an existing model or checkpoint.")
@talk_options
def train(
    data: tuple[str, ...],
    out: str | None,
    recipe: str,
    epochs: int | None,
    dims: int | None,
    seed: int | None,
    learning_rate: float | None,
    batch_size: int | None,
    encoder_network: tuple[int, ...] | None,
    tied: bool | None,
    activation: str | None,
    optimizer: str | None,
    noise_level: float | None,
    noise_kind: str | None,
    size: tuple[int, int] | None,
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
    """Train a codec for your own small grayscale images, 8 to 64 pixels a side, all of one size.

    INPUT is a folder of images, an IDX, .npy or .npz file; 1,000 images or more make a good codec.
    A tenth of them, at most 5,000, is drawn and held out to measure the codec with (other recipes
    and plain networks hold out the first, as they are made for MNIST).

    The state is kept after each epoch. A run that was interrupted goes on, to the same model, with
    the same command and --resume. The model is called as its file is.

    Needs torch: pip install 'digitzip[train]'.
    """
    said = plain.Plain(encoder_network, tied, activation, optimizer, noise_level, noise_kind)
    network = said.check(tuple(name for name in ("recipe", "dims") if _given(name)))
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
    if not (resume or force):
        own.refuse_unfinished(state)
    training = _training_room()
    talk, lines = Talk(quiet, verbose), own.Lines(quiet)
    images = own.load(data, size, fit, lines)
    given = {
        "epochs": epochs, "seed": seed, "learning_rate": learning_rate, "batch": batch_size,
    }  # fmt: skip
    changes = {name: value for name, value in given.items() if value is not None}
    if network is not None:
        start = replace(training.EXPERIMENT_2016, name=target.stem)
        start = said.recipe(start, images[0].size, changes)
    else:
        start = training.recipe_of(recipe, dims)
        start = replace(start, name=target.stem, **changes)
        if recipe == "own":
            start = training.adapted(start, len(images), epochs, batch_size)
    with own.keeping(training, state), own.watcher(training, quiet) as progress:
        training.train(
            start,
            images,
            out=target,
            checkpoint=state,
            device=device,
            resume=resume,
            logdir=None if logdir is None else Path(logdir),
            progress=progress,
            labels=_labels(labels, data, len(images)) if labels or logdir else None,
        )
    if checkpoint is None:
        training.discard_checkpoint(state)
    measured = training.measure(target, start, images)
    pixels = images[0].size
    for line in own.closing(out, target.stat().st_size, pixels, measured, talk.seconds):
        lines.say(line)


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
