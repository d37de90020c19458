"""The experiment of 2016, row by row: as it ran, as documented, and each as a codec.

*As it ran*: without noise, which its code never applied. *As documented*: with the noise its flags
asked for. Training resumes where it was stopped, from `runs/experiment`; the JSON is written anew
after each network, so it holds the rows that are done.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import torch

import digitzip
from benchmarks import record
from digitzip.metrics import rmse
from digitzip.model import read_model
from digitzip.training import EXPERIMENT_2016, Recipe, Screen, changed
from digitzip.training.fit.checkpoint import FILE_NAME
from digitzip.training.fit.data import prepare
from digitzip.training.jobs.export import export_model
from digitzip.training.jobs.model import learn
from digitzip.training.nets.plain import PlainAutoencoder

RUNS: Final = record.ROOT / "runs" / "experiment"
EFFORT: Final = 2  # of the search when a network serves as a codec
BAR: Final = 0.03  # of the published value, for what ran


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the published table."""

    encoder_network: tuple[int, ...]
    noise_level: float
    published: float
    optimizer: str = "adam"
    learning_rate: float = 0.01

    def recipe(self, *, documented: bool) -> Recipe:
        """Return its settings, its noise applied only as documented."""
        dims = self.encoder_network[-1]
        changes = {
            "plain.sizes": self.encoder_network,
            "plain.noise_level": self.noise_level if documented else 0.0,
            "code.dims": dims,
            "code.levels": (255, 64) if dims == 1 else EXPERIMENT_2016.code.levels,
            "learning.optimiser": self.optimizer,
            "learning.rate": self.learning_rate,
        }
        return changed(EXPERIMENT_2016, changes)


ROWS: Final = (
    Row((10,), 0.0, 0.206152, "rmsprop", 0.1),
    Row((128, 10), 0.0, 0.136408),
    Row((128, 128, 10), 0.0, 0.131669),
    Row((128, 128, 10), 0.3, 0.130346),
    Row((512, 128, 10), 0.4, 0.127140),
    Row((512, 128, 1), 0.4, 0.213122),
)


def measured(recipe: Recipe, test: record.Images) -> dict[str, Any]:
    """Train, export and measure one network; it is trained once, and measured every time."""
    folder = RUNS / name_of(recipe)
    result, path = folder / "result.json", folder / "model.safetensors"
    if not result.exists():
        data = prepare(record.train_images(), recipe, torch.device("cpu"))
        resume = (folder / FILE_NAME).exists()
        model = learn(recipe, data, Screen(), folder, resume=resume)
        assert isinstance(model, PlainAutoencoder)
        x = torch.from_numpy(test.reshape(len(test), -1)).float() / 255
        with torch.no_grad():
            loss = (model.pixels(model.code(x)) - x).square().mean().sqrt().item()
        print(f"  test RMSE {loss:.6f} in floats", flush=True)
        export_model(model, recipe, data, path, Screen())
        result.write_text(
            json.dumps({"epochs": recipe.epochs, "float_rmse": loss}), encoding="utf-8"
        )
    stored: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    return {
        **stored,
        "model_bytes": path.stat().st_size,
        "codec": [through_a_file(path, levels, test) for levels in recipe.code.levels],
    }


def name_of(recipe: Recipe) -> str:
    """Return the name of a network's folder: what distinguishes it from the others."""
    assert recipe.plain is not None
    sizes, noise = "-".join(map(str, recipe.plain.sizes)), recipe.plain.noise_level
    return f"{sizes}-noise-{noise:g}-{recipe.learning.optimiser}-epochs-{recipe.epochs}"


def through_a_file(path: Path, levels: int, test: record.Images) -> dict[str, Any]:
    """Return what a `.dz` file of the test images costs and loses with a model."""
    quality = read_model(path).qualities.index(levels) + 1
    data = digitzip.compress(test, model=path, quality=quality, effort=EFFORT, guard=False)
    error = rmse(test, digitzip.decompress(data, model=path))
    return {"levels": levels, "bytes_per_image": len(data) / len(test), "rmse": error}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks experiment", description=__doc__)
    parser.add_argument("--epochs", type=int, default=EXPERIMENT_2016.epochs)
    epochs = parser.parse_args(sys.argv[2:]).epochs
    RUNS.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    test = record.test_images()
    rows: list[dict[str, Any]] = [{**asdict(row), "epochs": epochs} for row in ROWS]
    for row, entry in zip(ROWS, rows, strict=True):
        for column in ("as_it_ran", "as_documented"):
            recipe = row.recipe(documented=column == "as_documented")
            recipe = changed(recipe, {"epochs": epochs})
            print(f"{column}: {row}", flush=True)
            entry[column] = measured(recipe, test)
            if epochs == EXPERIMENT_2016.epochs:
                environment = record.environment(learned=True)
                environment["versions"]["torch"] = torch.__version__
                record.write("experiment", {**environment, "bar": BAR, "rows": rows})
    if epochs == EXPERIMENT_2016.epochs:
        record.enter_in_ledger({**record.environment(learned=True), "experiment": rows})
