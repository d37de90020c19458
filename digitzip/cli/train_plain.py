"""`digitzip train --encoder-network`: options of plain networks, as in the experiment of 2016."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from digitzip import InputError
from digitzip.limits import MAX_LAYER_WIDTH, MAX_MODEL_BYTES

if TYPE_CHECKING:
    from digitzip.training import Recipe

_Command = TypeVar("_Command", bound=Callable[..., Any])
_NEEDING: Final = {
    "tied": "plain.tied",
    "activation": "plain.activation",
    "optimizer": "learning.optimiser",
    "noise_level": "plain.noise_level",
    "noise_kind": "plain.noise_kind",
}
"""Options of plain networks, and what they set in a recipe."""
_TRAINING: Final = "train-images-idx3-ubyte"
_OTHERS: Final = 1 << 20  # bytes of a model file that are not weights of the two networks
_ONE_LATENT: Final = (255, 64)  # levels: a whole byte for a code of one latent


def check(said: Mapping[str, Any], others: Sequence[str]) -> tuple[int, ...] | None:
    """Return the sizes of a plain network, or None; UsageError for options that do not go together.

    `others` are given options that have no meaning for plain networks.
    """
    network: tuple[int, ...] | None = said["encoder_network"]
    if network is None:
        for name in _NEEDING:
            if said[name] is not None:
                flag = "--tied/--untied" if name == "tied" else f"--{name.replace('_', '-')}"
                raise click.UsageError(f"{flag} needs --encoder-network")
    elif others:
        raise click.UsageError(f"--{others[0]} and --encoder-network exclude each other")
    return network


def changes(said: Mapping[str, Any], start: Recipe, pixels: int) -> dict[str, Any]:
    """Return what the options of a plain network change in a recipe, by path."""
    network = hidden_of(said["encoder_network"], pixels)
    _check_size((pixels, *network))
    found = {
        "plain.sizes": network,
        "code.dims": network[-1],
        "code.levels": _ONE_LATENT if network[-1] == 1 else start.code.levels,
    }
    return found | {path: said[name] for name, path in _NEEDING.items() if said[name] is not None}


def _check_size(sizes: tuple[int, ...]) -> None:
    """Raise `InputError` for a network, sizes from the input on, too large for a model file."""
    products = sum(before * after for before, after in pairwise(sizes))
    most = (MAX_MODEL_BYTES - _OTHERS) // 2  # the encoder's and the decoder's are a byte each
    if max(sizes) > MAX_LAYER_WIDTH or products > most:
        raise InputError(
            f"a network of {products:,} weights and layers up to {max(sizes):,} is too large for a "
            f"model file: at most {most:,} weights, {MAX_LAYER_WIDTH:,} a layer"
        )


def hidden_of(network: tuple[int, ...], pixels: int) -> tuple[int, ...]:
    """Return the sizes of the layers after the input; a first size of all pixels is the input."""
    if network[0] == pixels and len(network) > 1:
        return network[1:]
    if network[0] > pixels:
        raise click.UsageError(
            f"--encoder-network starts with {network[0]}, but an image has {pixels} pixels"
        )
    return network


def parse_network(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> tuple[int, ...] | None:
    """Parse sizes separated by commas; None where the option was not given."""
    if value is None:
        return None
    parts = value.split(",")
    if not all(part.isascii() and part.isdecimal() and int(part) for part in parts):
        raise click.BadParameter(f"{value!r} is not sizes such as 784,512,128,10")
    return tuple(map(int, parts))


def options(command: _Command) -> _Command:
    """Add the options of plain networks to a command."""
    for option in reversed(
        (
            click.option("--encoder-network", callback=parse_network, metavar="SIZES",
                         help="Train a plain network of these layers, mirrored by the decoder, as "
                              "the experiment of 2016 did: 784,512,128,10."),
            click.option("--tied/--untied", default=None,
                         help="Whether the decoder uses the encoder's matrices.  [default: tied]"),
            click.option("--activation", type=click.Choice(["sigmoid", "tanh", "relu", "gelu"]),
                         help="Of every layer and the code.  [default: sigmoid]"),
            click.option("--optimizer",
                         type=click.Choice(["adam", "rmsprop", "momentum", "adagrad", "adamw"]),
                         help="[default: adam]"),
            click.option("--noise-level", type=click.FloatRange(0), metavar="X",
                         help="Noise on the pixels that are encoded.  [default: 0]"),
            click.option("--noise-kind", type=click.Choice(["mask", "gaussian"]),
                         help="Zeroed with probability X, or a deviation of X.  [default: mask]"),
        )
    ):  # fmt: skip
        command = option(command)
    return command


def default_data() -> tuple[str, ...]:
    """Return MNIST's training images in the folder DIGITZIP_DATA; InputError without them."""
    folder = os.environ.get("DIGITZIP_DATA")
    if not folder:
        raise InputError(
            "no --data, and DIGITZIP_DATA is not set; give --data, or name the folder of MNIST's "
            "files, which digitzip fetch mnist downloads"
        )
    for name in (_TRAINING, f"{_TRAINING}.gz"):
        if (path := Path(folder) / name).is_file():
            return (str(path),)
    raise InputError(
        f"no --data, and DIGITZIP_DATA={folder} holds no {_TRAINING}; give --data, or name the "
        "folder of MNIST's files, which digitzip fetch mnist downloads"
    )
