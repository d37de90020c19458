"""The recipes: of the bundled models, of anybody's images, of the experiment of 2016, of tests."""

from dataclasses import replace
from typing import Final

from digitzip.limits import DIMS
from digitzip.training.recipe import (
    Classifier,
    Code,
    EntropyModel,
    Images,
    Learning,
    Lighter,
    Plain,
    Polish,
    Recipe,
    Residual,
    Trunk,
)
from digitzip.training.settings import changed

CELL_NOISE: Final = 0.56  # standard deviation on a coordinate, in cells; rounding's is 0.58

MNIST_10: Final = Recipe(
    name="mnist-10",
    images=Images(held_out=1000),
    code=Code(levels=(16,), axes=2, most_bits=(35.4,)),  # 4.5 bytes, with room for other hands
    epochs=400,
    noise=CELL_NOISE / 4,
    polish=Polish(epochs=0),
    lighter=Lighter(
        encoder_rank=160, encoder_hidden=128, decoder_rank=128, decoder_hidden=224, epochs=180
    ),
    entropy=EntropyModel(width=64),
)
"""The default model: ten latents, each a cell of a 4x4 grid; five hours of one core."""

CLASSIFIER: Final = (
    Classifier(),
    Classifier(seed=2, windows=((32, 5, 2), (64, 5, 2)), widths=(128,), epochs=65),
)
"""The bundled classifier: two unlike networks, since what deceives one mostly spares the other."""

OWN: Final = Recipe(
    name="own",
    images=Images(held_out_drawn=True, warp_share=0.5, warp_share_end=0.5, warp_copies=4),
    code=Code(levels=(16, 8)),
    encoder=Trunk(width=256, hidden=256),
    decoder=Trunk(width=256, hidden=256, blocks=2),
    epochs=40,
    learning=Learning(rate=5e-3, weight_decay=1e-2),
    polish=Polish(epochs=0),
    entropy=EntropyModel(width=64, steps=2000),
    residual=Residual(steps=3000),
)
"""Anybody's images, in minutes on two cores; `adapted` suits it to how many there are."""

EXPERIMENT_2016: Final = Recipe(
    name="experiment-2016",
    images=Images(shuffle=False, warp_share=0.0, warp_share_end=0.0),
    code=Code(levels=(32, 16)),
    plain=Plain(),
    epochs=100,
    loss="rmse",
    noise=0.0,
    autocast=False,
    learning=Learning(batch=64, optimiser="adam", schedule="constant", warm_up=0, average=0.0),
    polish=Polish(epochs=0),
    entropy=EntropyModel(width=64, steps=1500),
)
"""The experiment that digitzip grew from, as it ran; what `--encoder-network` starts from."""

TOY: Final = Recipe(
    name="toy",
    images=Images(held_out=64, warp_copies=2),
    code=Code(dims=4, levels=(8, 5)),
    encoder=Trunk(width=32, hidden=32),
    decoder=Trunk(width=32, hidden=32, blocks=2),
    epochs=4,
    learning=Learning(batch=32, warm_up=10, average=0.9),
    polish=Polish(epochs=1),
    entropy=changed(EntropyModel(width=16, steps=60), {"learning.batch": 128}),
    residual=Residual(steps=6),
)
"""Seconds of one core: for tests and conformance files."""

_GRIDS: Final = {
    1: (6, 3), 2: (6, 3), 3: (5, 3), 4: (7, 2), 5: (6, 2), 6: (5, 2), 7: (5, 2), 8: (5, 2),
    9: (5, 2),
}  # fmt: skip
"""Cells of an axis and axes of a latent, where latents are few."""

STEPS: Final = 8000
"""Optimiser steps of a run of `adapted`, as far as the bounds of its epochs allow."""
EPOCHS: Final = range(20, 401)
BATCHES: Final = range(32, 257)


def recipe_of(name: str, dims: int | None = None) -> Recipe:
    """Return the recipe called own, mnist or toy, with this many latents or its own."""
    if name == "toy":
        return changed(TOY, {"code.dims": dims or TOY.code.dims})
    if name == "mnist":
        return mnist(dims or MNIST_10.code.dims)
    return with_dims(OWN, dims or OWN.code.dims)


def with_dims(recipe: Recipe, dims: int) -> Recipe:
    """Return the recipe with this many latents, 1 to 10; few latents are cells of grids."""
    if dims not in _GRIDS:
        return changed(recipe, {"code.dims": dims})
    cells, axes = _GRIDS[dims]
    code = Code(dims=dims, levels=(cells**axes,), axes=axes)
    return replace(recipe, code=code, noise=CELL_NOISE / cells)


def mnist(dims: int) -> Recipe:
    """Return the recipe of the bundled model with this many latents, 1 to 10.

    Fewer latents are cells of grids, and one names an entry of a list. They need neither as wide a
    decoder nor as long a training as ten.
    """
    if dims == DIMS[-1]:
        return MNIST_10
    few = replace(
        with_dims(MNIST_10, dims),
        name=f"mnist-{dims}",
        encoder=Trunk(width=384, hidden=192),
        decoder=Trunk(width=512, hidden=256, blocks=2),
        epochs=30 if dims in (3, 4) else 20,
        polish=Polish(epochs=3),
        lighter=None,
        entropy=EntropyModel(width=96, images=12_000),
    )
    if dims > 1:
        return few
    code = Code(dims=1, levels=(255, 64, 16))
    return replace(few, codebook=True, code=code, images=replace(few.images, warp_share=0.0))


def adapted(recipe: Recipe, n: int, epochs: int | None = None, batch: int | None = None) -> Recipe:
    """Return the recipe with epochs, batch, and what depends on them, chosen for n images.

    The number of steps decides how good a codec becomes and how long it takes. A tenth of the
    images is held out, at most `recipe.images.held_out`. `epochs` and `batch` override the choice.
    """
    held_out = min(recipe.images.held_out, n // 10)
    learned = n - held_out
    batch = batch or _within(BATCHES, learned // 20)
    steps = max(1, learned // batch)  # of an epoch
    epochs = epochs or _within(EPOCHS, -(-STEPS // steps))
    total = steps * epochs
    return changed(
        recipe,
        {
            "epochs": epochs,
            "images.held_out": held_out,
            "learning.batch": batch,
            "learning.warm_up": min(recipe.learning.warm_up, total // 10),
            "learning.average": min(recipe.learning.average, 1 - 8 / max(total, 16)),
            "residual.steps": min(recipe.residual.steps, total),
            "labels.steps": min(recipe.labels.steps, total),
        },
    )


def _within(bounds: range, value: int) -> int:
    return min(max(value, bounds[0]), bounds[-1])
