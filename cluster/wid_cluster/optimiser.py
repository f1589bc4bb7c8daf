"""AdamW, its schedule and its limits, as the studio's trainer has them."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from .blueprint import Tensors
from .errors import DivergenceError

#: What a norm may be before the usual one is known.
NO_NORM_LIMIT = 3e38
_EXPLODED = 1000
_FLOOR = 1.0
_WINDOW = 32


@dataclass(frozen=True)
class Schedule:
    first: int
    last: int
    total: int
    rate: float
    warmup: float
    decay: str

    def rate_at(self, step: int) -> float:
        """Linear warm-up to the peak, then a straight line or half a cosine to zero. Steps count from 0."""
        rise = max(1, math.floor(self.total * self.warmup + 0.5))
        if step < rise:
            return self.rate * (step + 1) / rise
        left = (self.total - step) / max(1, self.total - rise)
        return self.rate * left if self.decay == "linear" else self.rate * (1 - math.cos(math.pi * left)) / 2


@dataclass(frozen=True)
class AdamSettings:
    beta1: float
    beta2: float
    epsilon: float
    clip_norm: float
    bias_correction: bool


class NormLimit:
    """The most that a gradient's norm may be, from the norms of the steps before."""

    def __init__(self, norms: Sequence[float] = ()) -> None:
        self.norms: deque[float] = deque(norms, maxlen=_WINDOW)

    @property
    def usual(self) -> float | None:
        """The median, the lower one of two."""
        return sorted(self.norms)[(len(self.norms) - 1) >> 1] if self.norms else None

    @property
    def value(self) -> float:
        usual = self.usual
        return NO_NORM_LIMIT if usual is None else min(NO_NORM_LIMIT, _EXPLODED * max(_FLOOR, usual))


class AdamW:
    """AdamW over all trained tensors at once, with clipping to the global norm. Nothing changes after numbers that are not finite."""

    def __init__(
        self,
        trained: Mapping[str, Tensor],
        settings: AdamSettings,
        decay: Mapping[str, float],
        rate: Mapping[str, float],
        limit: NormLimit,
    ) -> None:
        self.names = list(trained)
        self.parameters = [trained[name] for name in self.names]
        self.first: Tensors = {name: torch.zeros_like(trained[name]) for name in self.names}
        self.second: Tensors = {name: torch.zeros_like(trained[name]) for name in self.names}
        self.settings = settings
        self.limit = limit
        self._groups: dict[tuple[float, float], list[int]] = {}
        for index, name in enumerate(self.names):
            self._groups.setdefault((decay[name], rate[name]), []).append(index)

    @torch.no_grad()
    def step(self, gradients: list[Tensor], updates: int, rate: float, loss: float) -> float:
        """
        One update.

        :param updates: made before
        :returns: the gradient's norm before clipping
        :raises DivergenceError: with the weights untouched
        """
        norms = torch._foreach_norm(gradients)
        norm = float(torch.linalg.vector_norm(torch.stack(norms).double()))
        if not (math.isfinite(norm) and math.isfinite(loss) and norm <= self.limit.value):
            usual = self.limit.usual
            beside = f", usually {usual:.3g}" if math.isfinite(norm) and math.isfinite(loss) and usual is not None else ""
            raise DivergenceError(f"loss is {loss} (gradient norm {norm}{beside}). Stopped before the update")
        self.limit.norms.append(norm)
        s = self.settings
        torch._foreach_mul_(gradients, min(1.0, s.clip_norm / (norm + 1e-6)))
        correction1 = 1 - s.beta1 ** (updates + 1) if s.bias_correction else 1.0
        correction2 = 1 - s.beta2 ** (updates + 1) if s.bias_correction else 1.0
        for (decay, share), indices in self._groups.items():
            p = [self.parameters[i] for i in indices]
            g = [gradients[i] for i in indices]
            m = [self.first[self.names[i]] for i in indices]
            v = [self.second[self.names[i]] for i in indices]
            torch._foreach_lerp_(m, g, 1 - s.beta1)
            torch._foreach_mul_(v, s.beta2)
            torch._foreach_addcmul_(v, g, g, 1 - s.beta2)
            size = torch._foreach_div(v, correction2)
            torch._foreach_sqrt_(size)
            torch._foreach_add_(size, s.epsilon)
            step = rate * share
            if decay != 0:
                torch._foreach_mul_(p, 1 - step * decay)
            torch._foreach_addcdiv_(p, m, size, -step / correction1)
        return norm

    def states(self) -> Tensors:
        """Moments by the names that the studio gives them."""
        named = {f"first.{name}": tensor for name, tensor in self.first.items()}
        return named | {f"second.{name}": tensor for name, tensor in self.second.items()}

    @torch.no_grad()
    def load(self, states: Mapping[str, Tensor]) -> None:
        for name in self.names:
            self.first[name].copy_(states[f"first.{name}"])
            self.second[name].copy_(states[f"second.{name}"])


def own_name(state: str) -> str:
    """The name in the checkpoint of a state of the teacher's; others as they are."""
    return state.removeprefix("teacher.")


def decays(names: Iterable[str], decay: float, is_vector: "object") -> dict[str, float]:
    """Weight decay for matrices alone: biases, gains and shifts do not decay."""
    assert callable(is_vector)
    found: dict[str, float] = {}
    for name in names:
        own = own_name(name)
        stacked = own.startswith("stack.") and own.endswith(".bias")
        found[name] = 0.0 if is_vector(own) or stacked else decay
    return found
