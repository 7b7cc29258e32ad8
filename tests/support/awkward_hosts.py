"""Hosts as users write them, each with a habit that growing it must survive or refuse by name."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

from tests.support.hosts import build_seeded

__all__ = [
    "Again",
    "Answer",
    "Attending",
    "Called",
    "Classifier",
    "Decoder",
    "Encoder",
    "Padded",
    "Recurrent",
    "Uncopyable",
    "build_answering",
    "build_conv1d",
    "build_frozen_backbone",
    "build_in_place",
    "build_mlp",
    "build_nhwc",
    "build_two_inputs",
    "compiled_inside",
    "draw",
    "draw_ids",
    "draw_padded",
    "freeze",
    "hooked",
    "named_twice",
    "script",
]


def draw(*shape, seed=3):
    return torch.randn(*shape, generator=build_seeded(seed))


def draw_ids(*shape, ids=11, seed=3):
    return torch.randint(ids, shape, generator=build_seeded(seed))


def draw_padded():
    """Token ids and a mask that is true where a sequence has ended."""
    lengths = torch.tensor([[7], [5], [6], [3]])
    return draw_ids(4, 7), torch.arange(7) >= lengths


class Called(nn.Module):
    """Parts and a function that runs them: a host's forward pass in one line of a table."""

    def __init__(self, run, **parts):
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)
        self.run = run

    def forward(self, *inputs, **options):
        return self.run(self, *inputs, **options)


class Classifier(nn.Module):
    """Two convolutions, BatchNorm, dropout, pooling and a linear layer on [B, 1, H, W]."""

    def __init__(self, channels=4, *, inplace=False):
        super().__init__()
        self.conv1 = nn.Conv2d(1, channels, 3, padding=1)
        self.norm = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=inplace)
        self.stage = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.Dropout(0.2))
        self.head = nn.Linear(channels, 3)

    def forward(self, images):
        features = self.stage(self.relu(self.norm(self.conv1(images))))
        return self.head(F.relu(features, inplace=self.relu.inplace).mean(dim=(2, 3)))


class Attending(nn.Module):
    """Pre-norm self-attention with a residual connection, causal or not."""

    def __init__(self, channels, *, is_causal):
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.project_in = nn.Linear(channels, 3 * channels)
        self.project_out = nn.Linear(channels, channels)
        self.is_causal = is_causal

    def forward(self, features):
        query, key, value = self.project_in(self.norm(features)).chunk(3, dim=-1)
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=self.is_causal)
        return features + self.project_out(mixed)


class Decoder(nn.Module):
    """A causal language model whose head is tied to its embedding."""

    def __init__(self, *, ids=11, channels=8, blocks=2, is_causal=True):
        super().__init__()
        self.embed = nn.Embedding(ids, channels)
        self.drop = nn.Dropout(0.1)
        self.blocks = nn.ModuleList(Attending(channels, is_causal=is_causal) for _ in range(blocks))
        self.norm = nn.LayerNorm(channels)
        self.head = nn.Linear(channels, ids, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, ids):
        features = self.drop(self.embed(ids))
        for block in self.blocks:
            features = block(features)
        return self.head(self.norm(features))


class Encoder(nn.Module):
    """PyTorch's own transformer encoder; in evaluation mode it may take a fast path."""

    def __init__(self, *, batch_first=True, transpose=False):
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=batch_first)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(8, 3)
        self.transpose = transpose

    def forward(self, features):
        if self.transpose:
            features = features.transpose(0, 1)
        return self.head(self.encoder(features).mean(dim=0 if self.transpose else 1))


class Padded(nn.Module):
    """An encoder of padded sequences; in evaluation mode PyTorch packs them unless told not to."""

    def __init__(self, *, is_packed=True):
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.embed = nn.Embedding(11, 8)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=is_packed)
        self.head = nn.Linear(8, 3)

    def forward(self, ids, mask):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # nested tensors are a prototype to PyTorch, and used
            features = self.encoder(self.embed(ids), src_key_padding_mask=mask)
        return self.head(features).mean(dim=1)


class Recurrent(nn.Module):
    """An LSTM, which puts out a tuple."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(5, 8, batch_first=True)
        self.act = nn.Tanh()
        self.head = nn.Linear(8, 3)

    def forward(self, features):
        return self.head(self.act(self.lstm(features)[0]))


class Again(nn.Module):
    """Runs one module twice, under checkpointing if asked to."""

    def __init__(self, *, is_checkpointed=False):
        super().__init__()
        self.first = nn.Linear(6, 6)
        self.act = nn.Tanh()
        self.second = nn.Linear(6, 6)
        self.is_checkpointed = is_checkpointed

    def forward(self, features):
        if self.is_checkpointed:
            return self.act(checkpoint(self._run, features, use_reentrant=False))
        return self.second(self.act(self.second(self.act(self.first(features)))))

    def _run(self, features):
        return self.second(torch.sin(self.first(features)))


class Uncopyable(nn.Sequential):
    """A host that keeps something which cannot be copied."""

    def __deepcopy__(self, memo):
        message = "cannot copy an open connection"
        raise TypeError(message)


@dataclass
class Answer:
    """What a host of a well-known library returns."""

    logits: torch.Tensor
    loss: torch.Tensor | None = None


def build_mlp(width=6):
    return nn.Sequential(nn.Linear(6, width), nn.ReLU(), nn.Linear(width, 3))


def freeze(host, *names):
    for name in names:
        host.get_submodule(name).requires_grad_(False)
    return host


def hooked(host, name):
    """A host whose owner doubles the output of a module by a hook."""
    host.get_submodule(name).register_forward_hook(lambda _module, _inputs, output: 2 * output)
    return host


def named_twice(host):
    host.alias = host.stage
    return host


def without_gradients(self, inputs):
    with torch.no_grad():
        features = self.body(inputs)
    return self.head(self.neck(features))


def build_frozen_backbone():
    neck = nn.Sequential(nn.Linear(6, 6), nn.ReLU())
    return Called(without_gradients, body=build_mlp(6)[:2], neck=neck, head=nn.Linear(6, 3))


def build_conv1d():
    return Called(
        lambda self, x: self.head(self.back(self.conv(x))),
        conv=nn.Conv1d(5, 8, 3, padding=1),
        back=Called(lambda self, x: x.transpose(1, 2)),
        head=nn.Linear(8, 3),
    )


def build_nhwc():
    return Called(
        lambda self, x: self.head(self.back(self.mix(x.permute(0, 2, 3, 1)))),
        mix=nn.Sequential(nn.Linear(1, 4), nn.GELU()),
        back=Called(lambda self, x: x.permute(0, 3, 1, 2).contiguous()),
        head=nn.Conv2d(4, 2, 1),
    )


def changing_in_place(self, x):
    features = self.conv(x)
    same = self.same(features)
    features += 1
    return self.head(same.mean(dim=(2, 3)))


def build_in_place():
    return Called(
        changing_in_place,
        conv=nn.Conv2d(1, 4, 3),
        same=nn.Identity(),
        head=nn.Linear(4, 3),
    )


def build_two_inputs():
    return Called(
        lambda self, x, y: self.head(self.mix(x, y)),
        mix=nn.Bilinear(6, 6, 8),
        head=nn.Linear(8, 3),
    )


def build_answering():
    return Called(
        lambda self, inputs, labels=None: Answer(self.head(self.body(inputs))),
        body=build_mlp()[:2],
        head=nn.Linear(6, 3),
    )


def script(host):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scripting is deprecated, and still used
        return torch.jit.script(host)


def compiled_inside():
    host = nn.Sequential(build_mlp(), nn.Linear(3, 3))
    host[0].compile(backend="eager")
    return host
