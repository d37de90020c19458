"""The hyper-parameters of everything that is trained, as nested frozen dataclasses.

A recipe and the images determine the model: bit for bit on one CPU and thread count, up to rounding
elsewhere. The values of the bundled models are in `recipes`. This module must not know torch.
"""

import math
from dataclasses import dataclass
from typing import Final

from digitzip.errors import InputError
from digitzip.limits import DIMS, LEVELS
from digitzip.training.settings import changed

ACTIVATIONS: Final = ("sigmoid", "tanh", "relu", "gelu")
NOISES: Final = ("mask", "gaussian")
OPTIMISERS: Final = ("adamw", "adam", "rmsprop", "momentum", "adagrad")
SCHEDULES: Final = ("cosine", "constant")
LOSSES: Final = ("mse", "rmse")


def _choose(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise InputError(f"{name} is {value!r}, expected {', '.join(known)}")


def _at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise InputError(f"{name}: found {value}, expected at least {least}")


@dataclass(frozen=True, slots=True)
class Learning:
    """How weights change: batches, optimiser, learning rate and moving average."""

    batch: int = 512
    optimiser: str = "adamw"  # one of OPTIMISERS
    rate: float = 1.2e-2  # peak learning rate
    warm_up: int = 500  # steps in which it rises linearly
    schedule: str = "cosine"  # to zero; or constant
    average: float = 0.999  # decay of the moving average of the weights; 0: no average
    weight_decay: float = 1e-4  # adamw only; of matrices, not of biases and norms

    def __post_init__(self) -> None:
        _choose("optimiser", self.optimiser, OPTIMISERS)
        _choose("schedule", self.schedule, SCHEDULES)
        _at_least("batch", self.batch, 1)
        if not 0 < self.rate < math.inf:
            raise InputError(f"the learning rate is {self.rate}, expected above 0")


@dataclass(frozen=True, slots=True)
class Code:
    """What the quantiser makes of the latents."""

    dims: int = 10  # latents of an image
    levels: tuple[int, ...] = (15, 5, 9, 24)  # values of a latent; the first is the default
    axes: int = 1  # coordinates of a latent: its values are cells of a grid with these axes
    most_bits: tuple[float, ...] = ()  # of a held-out code, for each of `levels`; 0: no bound

    def __post_init__(self) -> None:
        if self.dims not in DIMS:
            raise InputError(f"a code has {self.dims} latents, expected {DIMS[0]} to {DIMS[-1]}")
        if not self.levels or any(count not in LEVELS for count in self.levels):
            raise InputError(f"levels are {self.levels}; each must be 2 to {LEVELS[-1]}")
        if len(set(self.levels)) != len(self.levels):
            raise InputError(f"levels are {self.levels}; each may appear once")
        if len(self.most_bits) not in (0, len(self.levels)):
            raise InputError(f"most_bits bounds {len(self.most_bits)} of {len(self.levels)} levels")
        if self.axes != 1 and (self.axes < 1 or len(self.levels) > 1):
            raise InputError("latents of several axes have one number of levels")
        if self.cells(self.levels[0]) ** self.axes != self.levels[0]:
            raise InputError(f"{self.levels[0]} levels are no grid of {self.axes} equal axes")

    @property
    def coordinates(self) -> int:
        """Inputs of the decoder: one for every axis of every latent."""
        return self.dims * self.axes

    def cells(self, levels: int) -> int:
        """Return how many cells each axis of a latent with these levels has."""
        return round(math.pow(levels, 1 / self.axes)) if self.axes > 0 else 0


@dataclass(frozen=True, slots=True)
class Trunk:
    """Sizes of an encoder or a decoder: a stem to `width`, then residual blocks."""

    width: int = 896
    hidden: int = 448  # units inside a block
    blocks: int = 1
    rank: int = 0  # of the matrix beside the pixels; 0: full

    def __post_init__(self) -> None:
        _at_least("width and hidden", min(self.width, self.hidden), 1)
        _at_least("blocks and rank", min(self.blocks, self.rank), 0)


@dataclass(frozen=True, slots=True)
class Plain:
    """A plain chain of layers, mirrored by the decoder, in place of the residual networks."""

    sizes: tuple[int, ...] = (512, 128, 10)  # layers of the encoder, the code last
    tied: bool = True  # the decoder's matrices are the encoder's, transposed
    activation: str = "sigmoid"  # of every layer and the code: one of ACTIVATIONS
    noise_level: float = 0.0  # on the pixels that are encoded
    noise_kind: str = "mask"  # or gaussian

    def __post_init__(self) -> None:
        _choose("activation", self.activation, ACTIVATIONS)
        _choose("noise_kind", self.noise_kind, NOISES)
        most = 1.0 if self.noise_kind == "mask" else math.inf
        if not 0 <= self.noise_level < most:
            raise InputError(f"noise_level is {self.noise_level}, expected 0 to below {most:g}")


@dataclass(frozen=True, slots=True)
class Images:
    """Which images are held out, in which order the others come, and how many are warped."""

    held_out: int = 5000  # first images, never trained on; at most a fifth of all
    held_out_drawn: bool = False  # drawn by the seed instead: the images of a folder are sorted
    shuffle: bool = True  # anew in each epoch
    warp_share: float = 0.9  # of each batch: as another hand might have written it
    warp_share_end: float = 0.45  # reached linearly in the second half of the epochs
    warp_copies: int = 24  # of every image, made once; a batch draws among them


@dataclass(frozen=True, slots=True)
class Polish:
    """The last epochs: the decoder learns from the codes that the search finds."""

    epochs: int = 4
    rate: float = 1e-3  # learning rate at their start; cosine to zero
    noise: float = 1.0  # weight of the loss after noise, which goes on beside


@dataclass(frozen=True, slots=True)
class Lighter:
    """Pruned networks that learn on from the trained ones; 0 leaves a size as it is."""

    encoder_rank: int = 0
    encoder_hidden: int = 0
    decoder_rank: int = 0
    decoder_hidden: int = 0
    epochs: int = 150
    rate: float = 4e-3  # peak learning rate
    polish_epochs: int = 8


@dataclass(frozen=True, slots=True)
class EntropyModel:
    """Networks that give the probabilities of each latent from those before it."""

    effort: int = 1  # of the search whose codes are learned
    images: int = 60_000  # whose codes are learned, at most
    width: int = 96
    steps: int = 4000
    learning: Learning = Learning(1024, rate=5e-3, warm_up=100, average=0.0, weight_decay=1e-3)


@dataclass(frozen=True, slots=True)
class Residual:
    """The residual model, which gives the probabilities of the pixels of corrections."""

    steps: int = 24_000  # 0: none
    pixels: int = 16_000_000  # that are learned, at most
    width: int = 176
    busy_share: float = 0.85  # of the pixels of a batch: those with ink in sight
    normal: float = 0.02  # weight of the squared logarithm of the sum of the weights of a pixel
    coarse_every: int = 5  # one batch in this number has a bound above 0
    coarse_images: int = 256  # in such a batch
    learning: Learning = Learning(4096, rate=2e-3, warm_up=200)


@dataclass(frozen=True, slots=True)
class Labels:
    """The label model, which gives the probabilities of the label of an image from its code."""

    steps: int = 4000  # 0: none
    width: int = 128
    copies: int = 4  # warped copies of every image that are learned too
    learning: Learning = Learning(1024, rate=3e-3, warm_up=200, weight_decay=1e-2)


@dataclass(frozen=True, slots=True)
class Classifier:
    """One network of a classifier: stages of windows, then matrices."""

    seed: int = 1
    windows: tuple[tuple[int, int, int], ...] = ()  # channels, size and step of each stage
    widths: tuple[int, ...] = (640, 640, 640)
    epochs: int = 75
    smoothing: float = 0.05  # of the labels
    warp_share: float = 0.9  # of each batch
    bend: float = 1.0 / 28  # of warps, in sides of the image
    learning: Learning = Learning(256, rate=2e-3, warm_up=400, weight_decay=2e-2)


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that shapes one model, in the order of a run; the defaults are of mnist-10."""

    name: str
    seed: int = 0
    images: Images = Images()
    code: Code = Code()
    encoder: Trunk = Trunk()
    decoder: Trunk = Trunk(blocks=2)
    plain: Plain | None = None  # in place of encoder and decoder
    codebook: bool = False  # one latent: a list of images in place of networks
    epochs: int = 520
    loss: str = "mse"  # of a batch; or rmse, its root
    noise: float = 0.04  # standard deviation on each coordinate, which lies in (-1, 1)
    autocast: bool = True  # bfloat16 matrix products where the machine has them
    learning: Learning = Learning()
    polish: Polish = Polish()
    lighter: Lighter | None = None
    entropy: EntropyModel = EntropyModel()
    residual: Residual = Residual(steps=0)
    labels: Labels = Labels(steps=0)

    def __post_init__(self) -> None:
        _choose("loss", self.loss, LOSSES)
        if not 0 <= self.seed < 1 << 62:
            raise InputError(f"seed is {self.seed}, expected 0 to below 2^62")
        _at_least("epochs", self.epochs, 1)
        if self.learning.batch == 1 and self.plain is None:
            raise InputError("a batch has 1 image; BatchNorm needs 2 or more")
        if self.codebook and (self.code.dims, self.code.axes, self.plain) != (1, 1, None):
            raise InputError("a codebook has one latent and no networks")
        if self.plain is not None:
            if min(self.plain.sizes) < 1 or self.plain.sizes[-1] != self.code.dims:
                raise InputError(
                    f"plain.sizes are {self.plain.sizes}, expected sizes from 1 that end in the "
                    f"{self.code.dims} latents of a code"
                )
            if self.code.axes != 1:
                raise InputError("plain networks have latents of one axis, not of several axes")
        if self.lighter is not None:
            self._check_lighter(self.lighter)

    def _check_lighter(self, lighter: Lighter) -> None:
        for side, trunk in (("encoder", self.encoder), ("decoder", self.decoder)):
            if getattr(lighter, f"{side}_hidden") > trunk.hidden:
                raise InputError(f"lighter.{side}_hidden is greater than {side}.hidden")
            if getattr(lighter, f"{side}_rank") and trunk.rank:
                raise InputError(f"lighter.{side}_rank needs {side}.rank 0, found {trunk.rank}")
        _at_least("lighter.epochs", lighter.epochs, 1)

    @property
    def pruned(self) -> "Recipe | None":
        """The recipe by which the lighter networks learn on, None where there are none."""
        if (lighter := self.lighter) is None or self.plain or self.codebook:
            return None
        changes = {
            "lighter": None,
            "encoder.rank": lighter.encoder_rank or self.encoder.rank,
            "encoder.hidden": lighter.encoder_hidden or self.encoder.hidden,
            "decoder.rank": lighter.decoder_rank or self.decoder.rank,
            "decoder.hidden": lighter.decoder_hidden or self.decoder.hidden,
            "epochs": lighter.epochs,
            "learning.rate": lighter.rate,
            "polish.epochs": lighter.polish_epochs,
            "images.warp_share": self.images.warp_share_end,
        }
        return changed(self, changes)

    def warp_share_at(self, epoch: int) -> float:
        """Return which share of each batch is warped in an epoch, counted from 0."""
        past = min(1.0, max(0.0, 2 * epoch / self.epochs - 1))
        images = self.images
        return images.warp_share + past * (images.warp_share_end - images.warp_share)
