"""Activations of 8 bits: measured with the norms, rounded where norms are frozen and at export."""

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra: train)")

from digitzip.training.export.affine import Affine  # noqa: E402
from digitzip.training.export.integers import Output, round_chain  # noqa: E402
from digitzip.training.fit.loop import measure_statistics  # noqa: E402
from digitzip.training.nets.activations import Activation  # noqa: E402
from digitzip.training.nets.rounding import (  # noqa: E402
    HIGHEST,
    ChannelRounding,
    Rounding,
    Steps,
)


def measured(rounding: Rounding | ChannelRounding, x: Any) -> None:
    measure_statistics(torch.nn.Sequential(rounding), rounding, [x, x])


def test_training_mode_rounds_nothing() -> None:
    x = torch.randn(64, 5)
    rounding = Rounding(-4.0)
    measured(rounding, x)
    assert torch.equal(rounding.train()(x), x)
    assert torch.equal(rounding.sums(x), x)


def test_evaluation_mode_gives_at_most_256_values_near_their_originals() -> None:
    x = torch.rand(512, 7, generator=torch.Generator().manual_seed(0)) * 3 - 0.1
    rounding = Rounding(-0.17)
    measured(rounding, x)
    y = rounding.eval()(x)
    integers = y / rounding.steps.scale + rounding.steps.zero
    assert torch.allclose(integers, integers.round(), atol=1e-3)
    assert integers.min() >= -1e-3
    assert integers.max() <= HIGHEST + 1e-3
    assert (y - x).abs().max() <= 0.1 * 3


def test_channels_have_ranges_of_their_own() -> None:
    x = torch.randn(512, 3, generator=torch.Generator().manual_seed(0))
    x = x * torch.tensor([0.01, 1.0, 100.0]) + torch.tensor([5.0, 0.0, -50.0])
    rounding = ChannelRounding(3)
    measured(rounding, x)
    assert ((rounding.eval()(x) - x).abs() <= x.std(0) / 20).all()


def test_gradients_pass_unchanged() -> None:
    x = torch.rand(8, 4, requires_grad=True)
    rounding = Rounding(0.0)
    measured(rounding, x.detach())
    rounding.eval()(x).sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, torch.ones_like(x))


@pytest.mark.parametrize("activation", Activation)
def test_hidden_layers_give_integers_from_0_to_255(activation: Activation) -> None:
    random = np.random.default_rng(0)
    skip = 0 if activation in (Activation.SIGMOID, Activation.TANH) else 1
    first = Affine(random.normal(size=(12, 9)), random.normal(size=12), activation)
    second = Affine(random.normal(size=(12, 12)) / 4, random.normal(size=12), activation, skip=skip)
    last = Affine(random.normal(size=(3, 12)), random.normal(size=3), Activation.NONE)
    inputs = random.integers(0, 256, (400, 9))
    output = Output(1 / 1000, -(1 << 20), 1 << 20)
    chain = [first, second, last]
    network = round_chain(chain, inputs, 1 / 255, (0, 255), output)
    for layer in network.layers[:-1]:
        low, high = layer.range
        assert low >= 0
        assert high <= HIGHEST
    exact = inputs / 255
    one = activation(exact @ first.weight.T + first.bias)
    two = activation(one @ second.weight.T + second.bias + skip * one)
    exact = two @ last.weight.T + last.bias
    assert np.abs(network(inputs) / 1000 - exact).mean() < 0.03 * exact.std()


def test_steps_reach_both_ends() -> None:
    steps = Steps.to(2.0, -0.17)
    assert steps.scale * (HIGHEST - steps.zero) == pytest.approx(2.0, abs=steps.scale)
    assert -steps.scale * steps.zero == pytest.approx(-0.17, abs=steps.scale)
    assert Steps.to(3.0, None).zero == 128
