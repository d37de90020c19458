"""Every number that shapes a training run, in one place.

A recipe and the images determine the model (bit for bit on one CPU, up to rounding elsewhere).
This module must not know torch: a recipe is a value that can be printed, stored and compared.
"""

import json
import math
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from digitzip.errors import InputError
from digitzip.limits import DIMS, LEVELS

CHOICES = {
    "activation": ("sigmoid", "tanh", "relu", "gelu"),
    "noise_kind": ("mask", "gaussian"),
    "optimizer": ("adamw", "adam", "rmsprop", "momentum", "adagrad"),
    "schedule": ("cosine", "constant"),
    "loss": ("mse", "rmse"),
}
"""The words that some values of a recipe are chosen from."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """The hyper-parameters of one model; see `MNIST_10` for the shipped values."""

    name: str
    # code
    dims: int = 10  # numbers in a code
    levels: tuple[int, ...] = (15, 5, 9, 24)  # values a number can take; first the default
    axes: int = 1  # coordinates that a number stands for: its values are the cells of a grid
    # networks: a stem to `width`, then `blocks` residual blocks through `hidden`; the matrix beside
    # the pixels may be one of `rank`, 0 for a full one
    encoder_rank: int = 0
    encoder_width: int = 896
    encoder_hidden: int = 448
    encoder_blocks: int = 1
    decoder_width: int = 896
    decoder_hidden: int = 448
    decoder_blocks: int = 2
    decoder_rank: int = 0
    codebook: bool = False  # one number: no networks, a list of images instead
    # lighter networks, to which those are pruned once they are trained; 0: that stays as it is
    light_encoder_rank: int = 0
    light_encoder_hidden: int = 0
    light_decoder_hidden: int = 0
    light_decoder_rank: int = 0
    light_epochs: int = 150  # in which they learn on
    light_learning_rate: float = 4e-3  # peak
    light_polish_epochs: int = 8  # and these are polished
    # or plain networks: sizes of the encoder's layers, the code last; the decoder mirrors them
    encoder_network: tuple[int, ...] = ()  # empty: the residual networks above
    tied: bool = False  # the decoder's matrices are the encoder's
    activation: str = "sigmoid"  # of every layer and the code: sigmoid, tanh, relu, gelu
    noise_level: float = 0.0  # on the pixels that are encoded
    noise_kind: str = "mask"  # or gaussian
    # optimisation
    epochs: int = 520
    batch: int = 512
    optimizer: str = "adamw"  # or adam, rmsprop, momentum, adagrad
    learning_rate: float = 1.2e-2  # peak; linear warm-up, then as `schedule` says
    schedule: str = "cosine"  # to zero; or constant
    warm_up: int = 500  # steps
    loss: str = "mse"  # of a batch; or rmse, its root
    weight_decay: float = 1e-4  # matrices only, adamw only
    average_decay: float = 0.999  # of the weights' running average, which is exported; 0: none
    autocast: bool = True  # bfloat16 matrix products where the machine has them
    seed: int = 0
    # data
    held_out: int = 5000  # first images, never trained on; at most a fifth of all
    held_out_drawn: bool = False  # by the seed, not the first: a folder is sorted, and so biased
    shuffle: bool = True  # anew each epoch; else batches come in the order of the images
    warp_share: float = 0.9  # of each batch: as another hand might have written it
    warp_share_end: float = 0.45  # to which it falls in the second half of the epochs
    warp_copies: int = 24  # of every image, made once, among which a batch chooses
    # rounding
    noise: float = 0.04  # standard deviation on each number of z, which lies in (-1, 1)
    # polish: the decoder learns from the codes that the search picks
    polish_epochs: int = 4  # after the others
    polish_rate: float = 1e-3  # learning rate at their start; cosine to zero
    polish_noise: float = 1.0  # weight of the loss after noise, which goes on beside
    # rate
    most_bits: tuple[float, ...] = ()  # of a held-out code, by level count; 0: as the curve has it
    # predictor
    predictor_effort: int = 1  # of the search whose codes are learned
    predictor_width: int = 96
    predictor_steps: int = 4000
    predictor_batch: int = 1024
    predictor_learning_rate: float = 5e-3
    predictor_images: int = 60_000  # whose codes are learned, at most
    # the network that expects pixels, which codes corrections
    residual_steps: int = 0  # 0: none
    residual_pixels: int = 16_000_000  # that it learns from, at most

    def __post_init__(self) -> None:
        if self.dims not in DIMS:
            raise InputError(f"recipe asks for {self.dims} numbers in a code; 1 to 10 are possible")
        if not self.levels or any(count not in LEVELS for count in self.levels):
            raise InputError(
                f"recipe asks for levels {self.levels}; each must be 2 to {LEVELS[-1]}"
            )
        if len(self.most_bits) not in (0, len(self.levels)):
            raise InputError(
                f"recipe bounds the bits of {len(self.most_bits)} level counts; it has "
                f"{len(self.levels)}"
            )
        if len(set(self.levels)) != len(self.levels):
            raise InputError(f"recipe asks for levels {self.levels}; each may appear once")
        if min(self.epochs, self.batch, self.encoder_width, self.decoder_width) < 1:
            raise InputError("recipe needs at least one epoch, one image a batch and one unit")
        if self.batch == 1 and not self.encoder_network:
            raise InputError("recipe has batches of 1 image; BatchNorm needs 2 or more")
        if not 0 < self.learning_rate < math.inf:
            raise InputError(
                f"recipe has a learning rate of {self.learning_rate}, expected above 0"
            )
        if not 0 <= self.seed < 1 << 62:
            raise InputError(f"recipe has the seed {self.seed}, expected 0 to below 2^62")
        if self.codebook and (self.dims, self.axes, self.encoder_network) != (1, 1, ()):
            raise InputError("recipe asks for a codebook, which has one number and no networks")
        if self.lighter:
            self._check_lighter()
        if self.axes != 1:
            self._check_axes()
        if self.encoder_network:
            self._check_network()
        for name, known in CHOICES.items():
            if (value := getattr(self, name)) not in known:
                raise InputError(f"recipe has {name} {value!r}, expected {', '.join(known)}")

    def _check_lighter(self) -> None:
        for name in ("encoder_hidden", "decoder_hidden"):
            if getattr(self, f"light_{name}") > getattr(self, name):
                raise InputError(f"recipe asks for lighter networks with a greater {name}")
        for name in ("encoder_rank", "decoder_rank"):
            if getattr(self, f"light_{name}") and getattr(self, name):
                raise InputError(f"recipe asks for lighter networks, but has an {name} before")

    def _check_axes(self) -> None:
        if self.axes < 1 or self.encoder_network or len(self.levels) > 1:
            raise InputError("recipe asks for numbers of several axes; one level count is possible")
        if self.cells(self.levels[0]) ** self.axes != self.levels[0]:
            raise InputError(f"recipe asks for {self.levels[0]} cells on {self.axes} equal axes")

    def _check_network(self) -> None:
        if min(self.encoder_network) < 1 or self.encoder_network[-1] != self.dims:
            raise InputError(
                f"encoder network is {self.encoder_network}, expected sizes from 1 that end in the "
                f"{self.dims} numbers of a code"
            )
        most = 1.0 if self.noise_kind == "mask" else float("inf")
        if not 0 <= self.noise_level < most:
            raise InputError(f"noise level is {self.noise_level}, expected 0 to below {most:g}")

    @property
    def lighter(self) -> "Recipe | None":
        """The recipe by which lighter networks learn on, None where there are none."""
        sizes: dict[str, Any] = {
            name.removeprefix("light_"): size
            for name in (
                "light_encoder_rank", "light_encoder_hidden", "light_decoder_hidden",
                "light_decoder_rank",
            )
            if (size := getattr(self, name))
        }  # fmt: skip
        if not sizes or self.encoder_network or self.codebook:
            return None
        none: dict[str, Any] = {f"light_{name}": 0 for name in sizes}
        return replace(
            self, **sizes, **none,
            epochs=self.light_epochs, learning_rate=self.light_learning_rate,
            polish_epochs=self.light_polish_epochs, warp_share=self.warp_share_end,
        )  # fmt: skip

    @property
    def coordinates(self) -> int:
        """Coordinates of a code: what its networks see of its numbers."""
        return self.dims * self.axes

    def cells(self, levels: int) -> int:
        """Return how many cells an axis of a number of so many levels has."""
        return round(math.pow(levels, 1 / self.axes))

    @property
    def all_epochs(self) -> int:
        """Epochs of the whole run, the polish and those of lighter networks among them."""
        lighter = self.lighter
        return self.epochs + self.polish_epochs + (lighter.all_epochs if lighter else 0)

    def warp_share_at(self, epoch: int) -> float:
        """Return which share of each batch is warped in an epoch, counted from 0."""
        past = min(1.0, max(0.0, 2 * epoch / self.epochs - 1))
        return self.warp_share + past * (self.warp_share_end - self.warp_share)

    def differences(self, other: "Recipe") -> str:
        """Say which values of `other` differ from this recipe's; empty when none does."""
        mine, theirs = asdict(self), asdict(other)
        return ", ".join(f"{name} {theirs[name]}" for name in mine if mine[name] != theirs[name])

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Recipe":
        """Read what `to_json` wrote; a field newer than the text takes its default.

        Raises `InputError` for a field that this version does not know.
        """
        values = json.loads(text)
        if unknown := set(values) - {field.name for field in fields(cls)}:
            odd = ", ".join(sorted(unknown))
            raise InputError(f"stored recipe has fields this version lacks: {odd}; train anew")
        for name, value in values.items():
            if isinstance(value, list):
                values[name] = tuple(value)
        return cls(**values)


MNIST_10 = Recipe(
    name="mnist-10",
    held_out=1000,
    light_encoder_rank=160,
    light_encoder_hidden=128,
    light_decoder_hidden=224,
    light_decoder_rank=128,
    predictor_width=64,
    most_bits=(35.4, 0.0, 28.2, 0.0),  # below 4.5 and 3.6 bytes, with room for other hands
)

CELL_NOISE = 0.56
"""Standard deviation of the noise on a coordinate, in cells: a little less than rounding's."""

_GRIDS = {
    1: (216, 3), 2: (216, 3), 3: (125, 3), 4: (49, 2), 5: (36, 2), 6: (25, 2), 7: (25, 2),
    8: (25, 2), 9: (25, 2),
}  # fmt: skip
"""Where numbers are few: the values of each, and the axes of the grid whose cells they are."""


def of_numbers(recipe: Recipe, dims: int) -> Recipe:
    """Return the recipe with this many numbers, 1 to 10; few ones are cells of grids."""
    if dims not in _GRIDS:
        return replace(recipe, dims=dims)
    levels, axes = _GRIDS[dims]
    noise = CELL_NOISE / round(math.pow(levels, 1 / axes))
    return replace(recipe, dims=dims, levels=(levels,), axes=axes, noise=noise, most_bits=())


def mnist(dims: int) -> Recipe:
    """Return the recipe of the shipped model with this many numbers, 1 to 10.

    Fewer numbers are the cells of grids, and one names the entry of a list. They need neither as
    wide a decoder nor as long a training as ten.
    """
    if dims == MNIST_10.dims:
        return MNIST_10
    few = replace(
        of_numbers(MNIST_10, dims),
        name=f"mnist-{dims}",
        decoder_width=512,
        decoder_hidden=256,
        encoder_width=384,
        encoder_hidden=192,
        light_encoder_rank=0,
        light_encoder_hidden=0,
        light_decoder_hidden=0,
        light_decoder_rank=0,
        predictor_width=96,
        epochs=30 if dims in (3, 4) else 20,
        polish_epochs=3,
        predictor_images=12_000,
    )
    if dims == 1:
        return replace(few, codebook=True, axes=1, levels=(255, 64, 16), warp_share=0.0)
    return few


OWN = Recipe(
    name="own",
    levels=(16, 8),
    encoder_width=256,
    encoder_hidden=256,
    decoder_width=256,
    decoder_hidden=256,
    epochs=40,
    learning_rate=5e-3,
    weight_decay=1e-2,
    held_out_drawn=True,
    warp_share=0.5,
    warp_share_end=0.5,
    warp_copies=4,
    polish_epochs=0,
    predictor_width=64,
    predictor_steps=2000,
    residual_steps=3000,
)
"""Anybody's images, in minutes on two cores; `own.adapted` suits it to how many they are."""

EXPERIMENT_2016 = Recipe(
    name="experiment-2016",
    levels=(32, 16),
    encoder_network=(512, 128, 10),
    tied=True,
    optimizer="adam",
    schedule="constant",
    loss="rmse",
    epochs=100,
    batch=64,
    warm_up=0,
    average_decay=0.0,
    autocast=False,
    shuffle=False,
    warp_share=0.0,
    warp_share_end=0.0,
    noise=0.0,
    polish_epochs=0,
    predictor_width=64,
    predictor_steps=1500,
)
"""The experiment that digitzip grew from, as it ran; what `--encoder-network` starts from."""

TOY = Recipe(
    name="toy",
    dims=4,
    levels=(8, 5),
    encoder_width=32,
    encoder_hidden=32,
    decoder_width=32,
    decoder_hidden=32,
    epochs=4,
    batch=32,
    warm_up=10,
    average_decay=0.9,
    held_out=64,
    warp_copies=2,
    polish_epochs=1,
    predictor_width=16,
    predictor_steps=60,
    predictor_batch=128,
    residual_steps=6,
)
"""Seconds of one core: for tests and conformance files."""


def recipe_of(name: str, dims: int | None = None) -> Recipe:
    """Return the recipe called own, mnist or toy, with this many numbers or its own."""
    if name == "toy":
        return replace(TOY, dims=dims or TOY.dims)
    if name == "mnist":
        return mnist(dims or MNIST_10.dims)
    return of_numbers(OWN, dims or OWN.dims)
