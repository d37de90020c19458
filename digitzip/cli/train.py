"""`digitzip train`: options to a recipe, one call of the training room, closing figures."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from digitzip import OutputError
from digitzip.cli import streams, train_plain, train_run
from digitzip.cli.talk import Talk, talk_options
from digitzip.limits import DIMS

if TYPE_CHECKING:
    from digitzip import Fit
    from digitzip.training import Recipe

_SUFFIX: Final = ".safetensors"
_PATHS: Final = {"epochs": "epochs", "seed": "seed", "learning_rate": "learning.rate",
                 "batch_size": "learning.batch"}  # fmt: skip
"""Options and what they set in a recipe."""
_PARTS: Final = ("classifier", "residual", "labels", "bounds")


class Parts(click.Group):
    """The subcommands, imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_PARTS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _PARTS:
            return None
        parts = import_module("digitzip.cli.train_parts")
        command: click.Command = getattr(parts, cmd_name)
        return command


@click.group(cls=Parts, invoke_without_command=True, subcommand_metavar="[COMMAND]")
@click.option("--data", multiple=True, callback=streams.not_empty, metavar="INPUT",
              help="Images to learn from, as for compress; may be given again.")  # fmt: skip
@click.option("-o", "--out", callback=streams.not_empty,
              metavar="OUT.safetensors",
              help="Model to write; it takes the name of its file.")  # fmt: skip
@click.option("--recipe", type=click.Choice(["own", "mnist", "toy"]), default="own",
              show_default=True, help="Hyper-parameters to start from: for any images, those of "
              "the bundled models, or a test.")  # fmt: skip
@click.option("--dims", type=click.IntRange(DIMS[0], DIMS[-1]), metavar="K",
              help="Latents of an image; fewer give smaller files."
                   "  [default: 10; toy: 4]")  # fmt: skip
@click.option("--epochs", type=click.IntRange(1), metavar="N",
              help="Passes over the images.  [default: the recipe's; own: 20 to 400]")  # fmt: skip
@click.option("--batch-size", type=click.IntRange(1), metavar="N",
              help="Images of a step.  [default: the recipe's; own: 32 to 256]")  # fmt: skip
@click.option("--learning-rate", type=click.FloatRange(0, min_open=True), metavar="X",
              help="Peak learning rate.  [default: the recipe's]")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), metavar="N", help="Random seed.  [default: 0]")
@train_run.set_option
@train_plain.options
@click.option("--size", callback=train_run.parse_size, metavar="HxW",
              help="Height and width of an image.  [default: as the first]")  # fmt: skip
@click.option("--fit", type=click.Choice(["none", "resize", "mnist"]), default="none",
              show_default=True, help="What to do with images of another size.")  # fmt: skip
@click.option("--checkpoint", callback=streams.not_empty, metavar="FOLDER",
              help="Where to keep the state of the run; a folder named here stays when it ends."
                   "  [default: OUT-checkpoint]")  # fmt: skip
@click.option("--resume", is_flag=True, help="Go on from the checkpoint of an interrupted run.")
@click.option("--export-only", is_flag=True,
              help="Train no further: write the model of the checkpoint.")  # fmt: skip
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, …")
@train_run.threads_option
@click.option("--logdir", callback=streams.not_empty, metavar="FOLDER",
              help="Write TensorBoard logs here.")  # fmt: skip
@click.option("--labels", callback=streams.not_empty, metavar="FILE",
              help="IDX labels of the images: the model then stores labels in few bytes, and "
                   "TensorBoard shows them.  [default: none; TensorBoard: those beside INPUT]"
)  # fmt: skip
@click.option("-f", "--force", is_flag=True, help="Overwrite an existing model or checkpoint.")
@talk_options
@click.pass_context
def train(ctx: click.Context, /, **options: Any) -> None:
    """Train a codec for your own small grayscale images, 8 to 64 pixels a side, all of one size.

    INPUT is a folder of images, an IDX, .npy or .npz file; 1,000 images or more make a good codec.
    A tenth of them, at most 5,000, is drawn and held out to measure the codec. (The mnist and
    toy recipes and plain networks hold out the first.)

    The state is kept after each epoch. The same command with --resume continues an interrupted
    run and gives the same model.

    The commands train the parts of the bundled models that are not a codec.

    Needs torch: pip install 'digitzip[train]'.
    """
    if ctx.invoked_subcommand is None:
        _train_model(**options)
    elif given := [name for name in options if _given(name)]:
        name = "set" if given[0] == "values" else given[0].replace("_", "-")
        raise click.UsageError(f"--{name} comes after the command's name")


def _train_model(
    *,
    data: tuple[str, ...],
    out: str | None,
    size: tuple[int, int] | None,
    fit: Fit,
    checkpoint: str | None,
    resume: bool,
    export_only: bool,
    device: str,
    threads: int | None,
    logdir: str | None,
    labels: str | None,
    force: bool,
    quiet: bool,
    verbose: bool,
    **chosen: Any,
) -> None:
    network = train_plain.check(chosen, [name for name in ("recipe", "dims") if _given(name)])
    if network is not None:
        out = out or "-".join(map(str, network)) + _SUFFIX
        data = data or train_plain.default_data()
    if not data or out is None:
        raise click.UsageError(f"Missing option '{'--data' if not data else '-o'}'.")
    target = Path(out)
    if target.suffix != _SUFFIX:
        raise click.UsageError(f"--out is {out!r}, expected a name that ends in {_SUFFIX}")
    state = Path(checkpoint or target.with_name(f"{target.stem}-checkpoint"))
    _check_files(target, state, force=force, going_on=resume or export_only)
    training = train_run.training_room(threads)
    talk = Talk(quiet, verbose)
    images = train_run.load(data, size, fit, talk)
    recipe = _recipe(training, target.stem, network, images, chosen, labelled=labels is not None)
    with train_run.keeping(training, state), train_run.watcher(training, quiet) as watcher:
        measured = training.train(
            recipe,
            images,
            out=target,
            checkpoint=state,
            device=device,
            resume=resume,
            export_only=export_only,
            watcher=watcher,
            logdir=None if logdir is None else Path(logdir),
            labels=_labels(labels, data, len(images)) if labels or logdir else None,
        )
    if checkpoint is None and not export_only:
        training.discard_checkpoint(state)
    for line in train_run.closing(out, target, images[0].size, measured, talk.seconds):
        train_run.say(line, quiet)


def _recipe(
    training: Any,
    name: str,
    network: tuple[int, ...] | None,
    images: Any,
    chosen: dict[str, Any],
    *,
    labelled: bool,
) -> Recipe:
    """Return the recipe of a run: its start, then options, then what --set says."""
    changes = {path: chosen[name] for name, path in _PATHS.items() if chosen[name] is not None}
    if labelled:
        changes["labels"] = training.Labels()
    if network is not None:
        start = training.EXPERIMENT_2016
        changes |= train_plain.changes(chosen, start, images[0].size)
    else:
        start = training.recipe_of(chosen["recipe"], chosen["dims"])
    start = training.changed(start, {"name": name, **changes})
    if network is None and chosen["recipe"] == "own":
        start = training.adapted(start, len(images), chosen["epochs"], chosen["batch_size"])
    recipe: Recipe = training.changed(start, chosen["values"])
    return recipe


def _check_files(target: Path, state: Path, *, force: bool, going_on: bool) -> None:
    """Refuse what would overwrite a file or lose the state of a run."""
    streams.check_output(str(target), force)
    streams.check_folder(state)
    if (state / train_run.CHECKPOINT).exists() and not (going_on or force):
        raise OutputError(
            f"{str(state)!r} holds the state of an unfinished run; --resume goes on, -f starts anew"
        )


def _given(name: str) -> bool:
    """Tell whether an option stood on the command line."""
    source = click.get_current_context().get_parameter_source(name)
    return source is click.core.ParameterSource.COMMANDLINE


def _labels(labels: str | None, data: tuple[str, ...], count: int) -> Any:
    """Return the labels of all images, uint8 [n], from the file given or beside them, or None."""
    from digitzip import read_labels
    from digitzip.training import labels_beside

    path = Path(labels) if labels else labels_beside(data[0]) if len(data) == 1 else None
    return None if path is None else read_labels(path, count)
