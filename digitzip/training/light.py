"""A light encoder in place of the one that the decoder was trained with.

A wide encoder helps a decoder to become good; afterwards a narrow one finds nearly the same codes
for it, and the search finds the rest. So a file holds, and every compression runs, the narrow one.
"""

import copy
import math
from itertools import islice

import torch
import torch.nn.functional as F

from digitzip.training import quantise
from digitzip.training.average import forget
from digitzip.training.data import Data
from digitzip.training.device import bfloat16_helps
from digitzip.training.networks import Autoencoder, Encoder
from digitzip.training.optimisers import optimiser_of
from digitzip.training.recipe import Recipe
from digitzip.training.watch import Watcher

MEASURED = 16
"""Batches on which the statistics of BatchNorm are measured in the end."""


def with_light_encoder(
    model: Autoencoder, recipe: Recipe, data: Data, watcher: Watcher
) -> Autoencoder:
    """Return the model with a new encoder of `recipe.light_encoder_width`, its decoder untouched.

    The new encoder learns what the old one did: to be decoded well after noise.
    """
    device, epochs = data.train.device, recipe.light_encoder_epochs
    random = torch.Generator().manual_seed(recipe.seed + 2)
    light = copy.deepcopy(model).requires_grad_(False).eval()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed + 2)
        light.encoder = Encoder(data.train.shape[1], recipe.lightened).to(device)
    optimiser = optimiser_of(light.encoder, recipe)
    autocast = recipe.autocast and bfloat16_helps(device)
    steps = len(data.train) // min(recipe.batch, len(data.train))
    for epoch in range(epochs):
        light.encoder.train()
        total = torch.zeros((), device=device)
        for index, x in enumerate(data.batches(recipe, recipe.epochs, random)):
            step = epoch * steps + index
            ramp = min(1.0, (step + 1) / max(1, recipe.warm_up))
            fall = 0.5 * (1 + math.cos(math.pi * step / (epochs * steps)))
            for group in optimiser.param_groups:
                group["lr"] = recipe.learning_rate * ramp * fall
            with torch.autocast(device.type, torch.bfloat16, enabled=autocast):
                z = quantise.add_noise(light.encode(x), recipe.noise, random)
                loss = F.mse_loss(light.decode(z), x)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            total += loss.detach()
        rmse = math.sqrt(total.item() / steps)
        watcher.say(f"light encoder, epoch {epoch + 1}/{epochs}: train {rmse:.4f}")
    forget(light.encoder)
    with torch.no_grad():
        for x in islice(data.batches(recipe, recipe.epochs, random), MEASURED):
            light.encoder(x)
    return light.requires_grad_(False).eval()
