"""Building blocks that several methods share. Weights come from an explicit generator, never a global one."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn.utils import skip_init


def linear(inputs: int, outputs: int, generator: torch.Generator, gain: float = 1.0) -> nn.Linear:
    """A linear layer with orthogonal weights (Saxe et al. 2014) times ``gain``, and zero bias."""
    layer = skip_init(nn.Linear, inputs, outputs, device=generator.device)
    nn.init.orthogonal_(layer.weight, gain=gain, generator=generator)
    nn.init.zeros_(layer.bias)
    return layer


def gru(inputs: int, hidden: int, generator: torch.Generator) -> nn.GRU:
    """A gated recurrent unit over (B, T, inputs), uniformly initialised in ±1/√hidden as in PyTorch."""
    with torch.random.fork_rng():  # its constructor draws from the global generator: put that back
        layer = nn.GRU(inputs, hidden, batch_first=True, device=generator.device)
    for weight in layer.parameters():
        nn.init.uniform_(weight, -1 / math.sqrt(hidden), 1 / math.sqrt(hidden), generator=generator)
    return layer
