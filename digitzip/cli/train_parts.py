"""`digitzip train classifier`, `residual`, `labels` and `bounds`: parts of the bundled models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from digitzip.cli import streams, train_run
from digitzip.cli.talk import Talk, talk_options

_Command = TypeVar("_Command", bound=Callable[..., Any])

_RMSE_ONE: Final = 65_535  # the integer in a model file that stands for an RMSE of 1


def _data_option(command: _Command) -> _Command:
    return click.option(
        "--data", multiple=True, required=True, callback=streams.not_empty, metavar="INPUT",
        help="Training images, as for compress; may be given again.",
    )(command)  # fmt: skip


def _labels_option(command: _Command) -> _Command:
    return click.option(
        "--labels", required=True, callback=streams.not_empty, metavar="FILE",
        help="IDX labels of the images.",
    )(command)  # fmt: skip


@click.command()
@_data_option
@_labels_option
@click.option("-o", "--out", required=True, callback=streams.not_empty, metavar="OUT.safetensors",
              help="Classifier to write; it takes the name of its file.")  # fmt: skip
@click.option("--held-out", type=click.IntRange(8), default=10_000, show_default=True, metavar="N",
              help="Last images, which are not learned.")  # fmt: skip
@train_run.set_option
@train_run.threads_option
@click.option("-f", "--force", is_flag=True, help="Overwrite an existing classifier.")
@talk_options
def classifier(
    data: tuple[str, ...],
    labels: str,
    out: str,
    held_out: int,
    values: dict[str, str],
    threads: int | None,
    force: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Train the classifier with which the guard checks that labels stay the same.

    It has two networks; --set changes both.
    """
    from digitzip import read_labels

    streams.check_output(out, force)
    training = train_run.training_room(threads)
    images = train_run.load(data, None, "none", Talk(quiet, verbose))
    with train_run.watcher(training, quiet) as progress:
        training.train_classifier(
            images,
            read_labels(Path(labels), len(images)),
            out=Path(out),
            watcher=progress,
            recipes=[training.changed(recipe, values) for recipe in training.CLASSIFIER],
            held_out=held_out,
        )


@click.command()
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@_data_option
@click.option("--seed", type=click.IntRange(0), default=2026, show_default=True, metavar="N",
              help="Random seed.")  # fmt: skip
@train_run.set_option
@train_run.threads_option
@talk_options
def residual(
    models: tuple[str, ...],
    data: tuple[str, ...],
    seed: int,
    values: dict[str, str],
    threads: int | None,
    quiet: bool,
    verbose: bool,
) -> None:
    """Give model files one residual model, which makes corrections smaller.

    It learns from their reconstructions of the training images. The files are written anew with
    new ids, since corrections are decoded with the residual model; files that were compressed with
    the old models still need the old models.
    """
    training = train_run.training_room(threads)
    found = [training.read_model(Path(path)) for path in models]
    shape = found[0].shape
    images = train_run.load(data, (shape.height, shape.width), "none", Talk(quiet, verbose))
    recipe = training.changed(training.Residual(), values)
    with train_run.watcher(training, quiet) as progress:
        learned = training.with_residual_model(found, images, recipe, progress, seed=seed)
    for path, model in zip(models, learned, strict=True):
        training.save(Path(path), model)
        train_run.say(f"{path}: {model.name}, id {model.id.hex()}", quiet)


@click.command()
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@_data_option
@_labels_option
@click.option("--held-out", type=click.IntRange(0), default=5000, show_default=True, metavar="N",
              help="Last images, which are not learned.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=2026, show_default=True, metavar="N",
              help="Random seed.")  # fmt: skip
@train_run.set_option
@train_run.threads_option
@talk_options
def labels(
    models: tuple[str, ...],
    data: tuple[str, ...],
    labels: str,
    held_out: int,
    seed: int,
    values: dict[str, str],
    threads: int | None,
    quiet: bool,
    verbose: bool,
) -> None:
    """Give each model file a label model, with which labels take few bytes.

    It learns which labels go with which codes. The files are written anew with new ids, since
    labels are decoded with the label model; files that were compressed with the old models still
    need the old models.
    """
    from digitzip import read_labels

    training = train_run.training_room(threads)
    found = [training.read_model(Path(path)) for path in models]
    shape = found[0].shape
    images = train_run.load(data, (shape.height, shape.width), "none", Talk(quiet, verbose))
    numbers = read_labels(Path(labels), len(images))
    recipe = training.changed(training.Labels(), values)
    for path, model in zip(models, found, strict=True):
        with train_run.watcher(training, quiet) as progress:
            learned = training.with_label_model(
                model, images, numbers, recipe, progress, held_out=held_out, seed=seed
            )
        training.save(Path(path), learned)
        train_run.say(f"{path}: {learned.name}, id {learned.id.hex()}", quiet)


@click.command()
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@_data_option
@click.option("--classifier", required=True, callback=streams.not_empty, metavar="FILE",
              help="The classifier's file.")  # fmt: skip
@click.option("--margin", required=True, type=click.IntRange(0), metavar="M",
              help="Minimum classifier margin, in 1/64 of a logit.")  # fmt: skip
@click.option("--held-out", type=click.IntRange(1), default=1000, show_default=True, metavar="N",
              help="First images of INPUT, which the models must not have learned.")  # fmt: skip
@talk_options
def bounds(
    models: tuple[str, ...],
    data: tuple[str, ...],
    classifier: str,
    margin: int,
    held_out: int,
    quiet: bool,
    verbose: bool,
) -> None:
    """Give model files what the guard needs: a classifier, a margin and bounds on RMSE.

    The files are written anew; their ids stay.
    """
    training = train_run.training_room(None)
    judge = training.read_classifier(Path(classifier))
    size = judge.height, judge.width
    images = train_run.load(data, size, "none", Talk(quiet, verbose))[:held_out]
    for path in models:
        model = training.with_bounds(training.read_model(Path(path)), judge, margin, images)
        training.save(Path(path), model)
        told = ", ".join(
            f"{(each.max_rmse or 0) / _RMSE_ONE:.4f} at {each.levels} levels"
            for each in model.quantisers
        )
        train_run.say(f"{path}: RMSE at most {told}", quiet)
