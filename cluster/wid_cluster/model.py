"""The encoder, written once for all families: teacher and student are this function with other parameters."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from .blueprint import Model, Module

Parameters = Mapping[str, Tensor]


@dataclass(frozen=True)
class Batch:
    """One micro-batch: B sequences of T tokens, M slots for the predicted tokens."""

    #: [B, T].
    ids: Tensor
    #: [B, T], rows of the position table.
    places: Tensor
    #: [B, 1, T or 1, T], which keys a query sees; None = all.
    seen: Tensor | None
    #: [B, T], whether a token is none of padding.
    tokens: Tensor
    #: [M], row of B T of every predicted token; -1 = unused.
    positions: Tensor
    #: [M], the right token; -1 = unused.
    labels: Tensor


@dataclass(frozen=True)
class Options:
    """What takes the place of an ordinary layer."""

    #: Applied to the sum of the raw embeddings, [d, d'], if the tables are not merged.
    embedding: Tensor | None = None
    #: Applied to what the decoder reads, [d, d'], if its table is not merged.
    decoder: Tensor | None = None
    norm: Callable[[Module, Tensor], Tensor] | None = None


@dataclass(frozen=True)
class Encoded:
    #: [B, T, d].
    hidden: Tensor
    #: What every layer gives to the next one, [B, T, d] each.
    layers: list[Tensor]
    #: Attention probabilities, [B, A, T, T] each; empty unless asked for.
    attention: list[Tensor]


def activation(name: str) -> Callable[[Tensor], Tensor]:
    if name == "relu":
        return F.relu
    if name == "gelu":
        return F.gelu
    return lambda x: F.gelu(x, approximate="tanh")


class Laid:
    """A model of these parameters, by their names in its checkpoint."""

    def __init__(self, model: Model, parameters: Parameters, options: Options = Options()) -> None:
        self.model = model
        self.parameters = parameters
        self.options = options
        self._activation = activation(str(model.config["hiddenAct"]))

    def _dense(self, module: Module, x: Tensor) -> Tensor:
        assert module.bias is not None
        return F.linear(x, self.parameters[module.weight], self.parameters[module.bias])

    def _norm(self, role: str, layer: int | None, x: Tensor) -> Tensor:
        """LayerNorm, or nothing if the family has none at this place."""
        module = self.model.find(role, layer)
        if module is None:
            return x
        if self.options.norm is not None:
            return self.options.norm(module, x)
        assert module.bias is not None
        gain, shift = self.parameters[module.weight], self.parameters[module.bias]
        return F.layer_norm(x, (x.shape[-1],), gain, shift, float(self.model.config["layerNormEps"]))

    def _embedded(self, batch: Batch) -> Tensor:
        words, positions = (self.parameters[self.model.module(role).weight] for role in ("words", "positions"))
        x = F.embedding(batch.ids, words) + F.embedding(batch.places, positions)
        segments = self.model.find("segments")
        if segments is not None:
            # All tokens are of the first segment; the sum keeps the other rows in the graph, with gradient 0.
            x = x + F.embedding(torch.zeros_like(batch.ids), self.parameters[segments.weight])
        if self.options.embedding is not None:
            x = x @ self.options.embedding
        x = self._norm("embeddingNorm", None, x)
        projection = self.model.find("embeddingProjection")
        return x if projection is None else self._dense(projection, x)

    def encode(self, batch: Batch, attention: bool = False) -> Encoded:
        x = self._embedded(batch)
        layers: list[Tensor] = []
        maps: list[Tensor] = []
        count, length = batch.ids.shape
        heads, size = self.model.heads, self.model.head_size
        for layer in range(self.model.layers):

            def split(role: str, x: Tensor = x, layer: int = layer) -> Tensor:
                return self._dense(self.model.module(role, layer), x).view(count, length, heads, size).transpose(1, 2)

            query, key, value = split("query"), split("key"), split("value")
            if attention:
                scores = query @ key.transpose(-1, -2) / math.sqrt(size)
                if batch.seen is not None:
                    scores = scores.masked_fill(~batch.seen, -math.inf)
                maps.append(scores.softmax(-1))
                values = maps[-1] @ value
            else:
                values = F.scaled_dot_product_attention(query, key, value, attn_mask=batch.seen)
            merged = values.transpose(1, 2).reshape(count, length, heads * size)
            x = self._norm("attentionNorm", layer, self._dense(self.model.module("attentionOutput", layer), merged) + x)
            inner = self._activation(self._dense(self.model.module("expansion", layer), x))
            x = self._norm("outputNorm", layer, self._dense(self.model.module("contraction", layer), inner) + x)
            layers.append(x)
        return Encoded(x, layers, maps)

    def answers(self, rows: Tensor) -> Tensor:
        """Logits [M, V] of hidden states [M, d]: full logits of a large batch would not fit."""
        x = self._activation(self._dense(self.model.module("transform"), rows))
        x = self._norm("transformNorm", None, x)
        if self.options.decoder is not None:
            x = x @ self.options.decoder.t()
        bias = self.model.module("decoder").bias
        assert bias is not None
        return F.linear(x, self.parameters[self.model.decoder], self.parameters[bias])

    def at_positions(self, hidden: Tensor, batch: Batch) -> Tensor:
        """[M, d]; of unused slots some row, which counts for nothing."""
        return hidden.reshape(-1, hidden.shape[-1])[batch.positions.clamp(min=0)]


def weighted_norm(x: Tensor, gain: Tensor, shift: Tensor, weights: Tensor, epsilon: float) -> Tensor:
    """LayerNorm whose mean and variance are weighted means over the last axis; `weights` [d] add up to 1."""
    centred = x - (x @ weights).unsqueeze(-1)
    variance = (centred * centred) @ weights
    return centred * torch.rsqrt(variance + epsilon).unsqueeze(-1) * gain + shift
