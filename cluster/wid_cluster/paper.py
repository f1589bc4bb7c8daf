"""The published method (docs/method.md section 6): square compactors squeezed by masks and penalties."""

from __future__ import annotations

import math
from typing import Mapping, Sequence

import torch
from torch import Tensor

from .blueprint import Blueprint, Module, Table, Tensors
from .merge import DECODER, EMBEDDINGS, TEACHER, compactor_name, keep_heads, merge
from .model import Laid, Options, weighted_norm

_RESIDUAL_EVENTS = 16
_HEAD_DIMENSION_EVENTS = 8
_EVENTS_A_HEAD = 2
#: As many events as it takes to reach the student's sizes.
ALL = 1 << 53

Masks = dict[str, Tensor]


def side_norms(tensor: Tensor, side: str) -> Tensor:
    """L2 norms over all axes but one; head blocks [A, m, n] give A lists end to end."""
    axis = -1 if side == "rows" else -2
    return torch.linalg.vector_norm(tensor.double(), dim=axis).reshape(-1)


def keep_largest(norms: Tensor, masked: int) -> Tensor:
    """1 for all but the `masked` smallest; of equal ones the lower index stays."""
    order = torch.sort(norms, descending=True, stable=True).indices
    kept = torch.zeros_like(norms, dtype=torch.float32)
    kept[order[: len(norms) - masked]] = 1
    return kept


def _grown(event: int, target: int, events: int) -> int:
    return target if event >= events else event * target // events


def mask_space(space: str, layer: int | None) -> str:
    if space in ("queryKey", "valueOutput"):
        return f"attention.{layer}"
    return f"inner.{layer}" if space == "ffn" else space


def masks_at(table: Table, compactors: Mapping[str, Tensor], event: int) -> Masks:
    """Masks of one event, from the norms of compactors' columns."""
    t, s = table.teacher, table.student
    tables = table.table_width(t) - table.table_width(s)
    heads, size = t["heads"], t["headSize"]

    def columns(role: str, layer: int | None) -> Tensor:
        return side_norms(compactors[compactor_name(role, layer, "L")], "columns")

    masks: Masks = {
        "residual": keep_largest(columns("value", 0), _grown(event, t["residual"] - s["residual"], _RESIDUAL_EVENTS)),
        "mlm": keep_largest(columns("decoder", None), _grown(event, tables, _RESIDUAL_EVENTS)),
    }
    if "embedding" in t:
        masks["embedding"] = keep_largest(columns("embeddingProjection", None), _grown(event, tables, _RESIDUAL_EVENTS))
    dropped = min(heads - s["heads"], event // _EVENTS_A_HEAD)
    per_head = _grown(event, size - s["headSize"], _HEAD_DIMENSION_EVENTS)
    inner = _grown(event, t["inner"] - s["inner"], _RESIDUAL_EVENTS)
    for layer in range(len(table.layer_map)):
        by_head = columns("attentionOutput", layer).reshape(heads, size)
        stay = keep_largest(by_head.sum(1), dropped)
        masks[f"attention.{layer}"] = torch.cat([stay[head] * keep_largest(by_head[head], per_head) for head in range(heads)])
        masks[f"inner.{layer}"] = keep_largest(columns("contraction", layer), inner)
    return masks


def nothing_masked(table: Table, device: torch.device) -> Masks:
    t = table.teacher
    sizes = {"residual": t["residual"], "mlm": table.table_width(t)}
    if "embedding" in t:
        sizes["embedding"] = t["embedding"]
    for layer in range(len(table.layer_map)):
        sizes |= {f"attention.{layer}": t["heads"] * t["headSize"], f"inner.{layer}": t["inner"]}
    return {space: torch.ones(size, device=device) for space, size in sizes.items()}


def mask_states(masks: Masks, started: bool, beta1: float) -> Tensors:
    """What an event rewrites, by the names that the studio keeps it under."""
    states: Tensors = {}
    for space, mask in masks.items():
        states[f"mask.{space}"], states[f"dropped.{space}"] = mask, 1 - mask
    for space in ("residual", "embedding", "mlm"):
        if space in masks:
            states[f"statistics.{space}"] = masks[space] / masks[space].sum()
    one = masks["residual"].new_ones(1)
    return states | {"plainPenalty": 0 * one if started else one, "momentLeft": (beta1 if started else 1.0) * one, "one": one}


def paper_options(blueprint: Blueprint, parameters: Mapping[str, Tensor], states: Mapping[str, Tensor]) -> Options:
    """LayerNorm statistics over unmasked dimensions alone."""
    epsilon = float(blueprint.teacher.config["layerNormEps"])

    def norm(module: Module, x: Tensor) -> Tensor:
        weights = states[f"statistics.{module.writes}"]
        return weighted_norm(x, parameters[module.weight], parameters[str(module.bias)], weights, epsilon)

    return Options(norm=norm)


def laid_square(blueprint: Blueprint, parameters: Mapping[str, Tensor], states: Mapping[str, Tensor]) -> Laid:
    assert blueprint.square_model is not None
    return Laid(blueprint.square_model, parameters, paper_options(blueprint, parameters, states))


def identity_compactors(shapes: Mapping[str, Sequence[int]]) -> Tensors:
    """Square compactors at the identity, head compactors block by block: with them the model is the teacher."""
    return {name: torch.eye(shape[-1]).expand(*shape).contiguous() for name, shape in shapes.items()}


@torch.no_grad()
def penalise(
    blueprint: Blueprint,
    name: str,
    parameter: Tensor,
    gradient: Tensor,
    first: Tensor,
    states: Mapping[str, Tensor],
    penalty: float,
    beta1: float,
) -> Tensor:
    """The penalty gradient in the place of the task's on masked rows, columns and vectors; its part above 1 goes into `first`."""
    found = blueprint.masked.get(name)
    if found is None:
        return gradient
    space, side = found["space"], found["side"]

    def spread(vector: Tensor) -> Tensor:
        if parameter.dim() == 1:
            return vector
        rows, columns = parameter.shape[-2:]
        return vector.reshape(*parameter.shape[:-2], rows, 1) if side == "rows" else vector.reshape(*parameter.shape[:-2], 1, columns)

    dropped = spread(states[f"dropped.{space}"]) * parameter
    if penalty > 1:
        first.mul_(states["momentLeft"]).add_(dropped, alpha=(1 - beta1) * (penalty - 1))
    kept = spread(states[f"mask.{space}"]) * gradient + min(penalty, 1.0) * dropped
    if name in _square_shapes(blueprint):
        kept = kept + states["plainPenalty"] * parameter
    return kept


def _square_shapes(blueprint: Blueprint) -> Mapping[str, Sequence[int]]:
    assert blueprint.square is not None
    return blueprint.square.shapes


def final_masks(table: Table, state: Mapping[str, Tensor]) -> Masks:
    """Masks at the student's sizes: those in force if they have grown that far, else what an event would choose now."""
    s = table.student
    masks = {name.removeprefix("mask."): tensor for name, tensor in state.items() if name.startswith("mask.")}
    sizes = {"residual": s["residual"], "mlm": table.table_width(s), "embedding": table.table_width(s)}

    def size(space: str) -> int:
        return sizes.get(space, s["heads"] * s["headSize"] if space.startswith("attention.") else s["inner"])

    grown = all(int(mask.sum()) == size(space) for space, mask in masks.items())
    return masks if grown else masks_at(table, state, ALL)


def kept_heads(table: Table, masks: Masks) -> dict[int, list[int]]:
    """Heads that keep a dimension, by teacher layer; empty if all stay."""
    heads, size = table.teacher["heads"], table.teacher["headSize"]
    if table.student["heads"] == heads:
        return {}
    by_layer = (masks[f"attention.{layer}"].reshape(heads, size).amax(1) for layer in range(len(table.layer_map)))
    return {source: [h for h in range(heads) if stays[h] > 0] for source, stays in zip(table.layer_map, by_layer)}


def drop_masked(blueprint: Blueprint, masks: Masks, square: Mapping[str, Tensor]) -> Tensors:
    """The unmasked rows and columns of square compactors and LayerNorms (docs/method.md section 6). Masked ones are only near zero."""
    dropped: Tensors = {}
    indices = {space: mask.nonzero().reshape(-1) for space, mask in masks.items()}
    for name, shape in blueprint.compactors.shapes.items():
        found = blueprint.masked.get(name)
        tensor = square[name]
        if found is None:
            dropped[name] = tensor
            continue
        chosen = indices[found["space"]]
        axis = -2 if found["side"] == "rows" else -1
        if tensor.dim() == 2:
            dropped[name] = tensor.index_select(axis, chosen)
        else:
            size = tensor.shape[axis]
            blocks = [tensor[b].index_select(axis, chosen[chosen // size == b] % size) for b in range(tensor.shape[0])]
            dropped[name] = torch.stack([block for block in blocks if block.shape[axis] > 0])
        assert tuple(dropped[name].shape) == tuple(shape), name
    for norm in blueprint.compactors.norms:
        chosen = indices[mask_space(norm.writes, norm.layer)]
        for name in (norm.ours.weight, norm.ours.bias):
            dropped[name] = square[name][chosen]
    return dropped


def cut_student(blueprint: Blueprint, state: Mapping[str, Tensor]) -> tuple[Tensors, dict[int, list[int]]]:
    """The merged student, and the heads that it kept. `state` has compactors, LayerNorms, `teacher.NAME` and the masks."""
    table = blueprint.table
    masks = final_masks(table, state)
    heads = kept_heads(table, masks)
    own = {name.removeprefix(TEACHER): tensor for name, tensor in state.items() if name.startswith(TEACHER)}
    kept = keep_heads(blueprint.teacher, own, table.teacher["headSize"], heads)
    theirs = {TEACHER + name: tensor for name, tensor in kept.items()}
    merged = merge(blueprint, blueprint.compactors, table, False, theirs | drop_masked(blueprint, masks, state))
    return merged, heads


def mask_interval(every: int, steps: int) -> int:
    return every if every > 0 else max(1, math.floor(steps / 32))
