"""A light encoder in place of the one that the decoder was trained with.

A wide encoder helps a decoder to become good; afterwards one of fewer hidden units finds nearly the
same codes for it, and the search finds the rest. So a file holds, and every compression runs, the
light one.
"""

import copy
import math
from itertools import islice

import torch
import torch.nn.functional as F
from torch import Tensor

from digitzip.training import quantise
from digitzip.training.average import forget
from digitzip.training.data import Data
from digitzip.training.device import bfloat16_helps
from digitzip.training.networks import Autoencoder, Encoder
from digitzip.training.optimisers import optimiser_of
from digitzip.training.recipe import Recipe
from digitzip.training.watch import Watcher

SLOWER = 0.25  # than the training from nothing: the factor of its learning rate
SEEN = 4096  # images, on which is measured what a hidden unit says
MEASURED = 16
"""Batches on which the statistics of BatchNorm are measured in the end."""


def with_light_encoder(
    model: Autoencoder, recipe: Recipe, data: Data, watcher: Watcher
) -> Autoencoder:
    """Return the model with an encoder of `recipe.light_encoder_hidden`, its decoder untouched.

    Of each block the hidden units that say most are kept (structured pruning). What is left then
    learns to be decoded well after noise, as the old encoder did, and from its answers.
    """
    device, epochs = data.train.device, recipe.light_encoder_epochs
    random = torch.Generator().manual_seed(recipe.seed + 2)
    light = copy.deepcopy(model).requires_grad_(False).eval()
    light.encoder = pruned(model.encoder, recipe, data.train[:SEEN].float() / 255)
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
                group["lr"] = recipe.learning_rate * SLOWER * ramp * fall
            with torch.autocast(device.type, torch.bfloat16, enabled=autocast):
                z, teacher = light.encode(x), model.encode(x)
                noisy = quantise.add_noise(z, recipe.noise, random)
                loss = F.mse_loss(light.decode(noisy), x) + F.mse_loss(z, teacher)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            total += loss.detach()
        mean = total.item() / steps
        watcher.say(f"light encoder, epoch {epoch + 1}/{epochs}: loss {mean:.5f}")
    forget(light.encoder)
    with torch.no_grad():
        for x in islice(data.batches(recipe, recipe.epochs, random), MEASURED):
            light.encoder(x)
    return light.requires_grad_(False).eval()


@torch.no_grad()
def pruned(encoder: Encoder, recipe: Recipe, x: Tensor) -> Encoder:
    """Return the encoder with fewer hidden units in each block, chosen on pixels x [n, h*w].

    What a unit says is its deviation times the norm of its column in the next matrix.
    """
    with torch.random.fork_rng(devices=[]):  # leave the caller's generator alone
        light = Encoder(x.shape[1], recipe.lightened).to(x.device)
    light.load_state_dict({**light.state_dict(), **_common(encoder, light)})
    stream = encoder.trunk.stem(x)
    for old, new in zip(encoder.trunk.residuals(), light.trunk.residuals(), strict=True):
        inner = F.gelu(old.norm1(old.linear1(stream)))
        says = inner.std(0) * (old.linear2.weight * old.norm2.weight[:, None]).norm(dim=0)
        kept = says.topk(new.linear1.out_features).indices.sort().values
        new.linear1.weight.copy_(old.linear1.weight[kept])
        for name, value in old.norm1.state_dict().items():
            if value.ndim:
                new.norm1.state_dict()[name].copy_(value[kept])
        new.linear2.weight.copy_(old.linear2.weight[:, kept])
        stream = old(stream)
    return light


def _common(encoder: Encoder, light: Encoder) -> dict[str, Tensor]:
    """Return what two encoders have in the same shapes."""
    shapes = {name: value.shape for name, value in light.state_dict().items()}
    stored = encoder.state_dict()
    return {name: value for name, value in stored.items() if value.shape == shapes[name]}
