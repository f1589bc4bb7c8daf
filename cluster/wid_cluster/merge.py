"""Structural reparameterisation (docs/method.md sections 1 to 3): W' = R W L, once a step."""

from __future__ import annotations

import math
from typing import Callable, Mapping, Sequence

import torch
from torch import Tensor

from .blueprint import Blueprint, Compactors, Model, Site, Table, Tensors

EMBEDDINGS = "embeddings"
DECODER = "decoder.L"
TEACHER = "teacher."


def compactor_name(role: str, layer: int | None, side: str) -> str:
    words = {"embeddingProjection": "projection", "attentionOutput": "attention.output", "expansion": "intermediate"}
    word = words.get(role, "output" if role == "contraction" else role)
    return f"{word}.{side}" if layer is None else f"layer.{layer}.{word}.{side}"


def keep_heads(model: Model, tensors: Mapping[str, Tensor], head_size: int, kept: Mapping[int, Sequence[int]]) -> Tensors:
    """The teacher without the heads that go: rows of query, key and value and columns of the attention output."""
    result = dict(tensors)
    for layer, heads in kept.items():
        chosen = torch.tensor([head * head_size + i for head in heads for i in range(head_size)])
        for module in model.modules:
            if module.layer != layer or module.kind != "linear":
                continue
            if module.writes in ("queryKey", "valueOutput"):
                for name in module.parameters:
                    result[name] = result[name].index_select(0, chosen.to(result[name].device))
            if module.reads == "valueOutput":
                result[module.weight] = result[module.weight].index_select(1, chosen.to(result[module.weight].device))
    return result


def teacher_states(blueprint: Blueprint, compactors: Compactors, table: Table, tied: bool, tensors: Mapping[str, Tensor]) -> Tensors:
    """
    The teacher's tensors that a merge reads, as `teacher.NAME`. Learned mixtures of layers read all layers of a kind as one stack
    [n, out in].
    """
    model = blueprint.teacher
    states: Tensors = {}
    for site in compactors.sites:
        if table.mixtures and site.layer is not None:
            if TEACHER + site.stack.weight in states:
                continue
            modules = [model.module(site.role, layer) for layer in range(model.layers)]
            states[TEACHER + site.stack.weight] = torch.stack([tensors[m.weight].reshape(-1) for m in modules])
            states[TEACHER + site.stack.bias] = torch.stack([tensors[str(m.bias)] for m in modules])
        else:
            for name in (site.theirs.weight, site.theirs.bias):
                states[TEACHER + name] = tensors[name]
    for module in model.tables:
        states[TEACHER + module.weight] = tensors[module.weight]
    states[TEACHER + str(model.module("decoder").bias)] = tensors[str(model.module("decoder").bias)]
    if not tied:
        states[TEACHER + model.decoder] = tensors[model.decoder]
    return states


def apply_rows(rows: Tensor, x: Tensor) -> Tensor:
    """R X: [o', o] x [o, i], or blocks [A, a', a] x [A a, i], giving [o', i]."""
    if rows.dim() == 2:
        return rows @ x
    blocks, inner, outer = rows.shape
    return torch.bmm(rows, x.reshape(blocks, outer, -1)).reshape(blocks * inner, -1)


def apply_columns(x: Tensor, columns: Tensor) -> Tensor:
    """X L: [o, i] x [i, i'], or [o, A a] x blocks [A, a, a'], giving [o, i']."""
    if columns.dim() == 2:
        return x @ columns
    blocks, outer, inner = columns.shape
    product = torch.bmm(x.reshape(-1, blocks, outer).transpose(0, 1), columns)
    return product.transpose(0, 1).reshape(-1, blocks * inner)


def _rows_first(site: Site) -> bool:
    """Whether (R W) L takes no more multiplications than R (W L)."""
    rows, columns = math.prod(site.row_shape), math.prod(site.column_shape)
    ours_out = math.prod(site.row_shape[:-1])
    ours_in = site.column_shape[0] * site.column_shape[2] if len(site.column_shape) == 3 else site.column_shape[1]
    return rows * site.input + columns * ours_out <= columns * site.output + rows * ours_in


def merge_site(site: Site, table: Table, state: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """W' and b' of one linear layer. `state` has compactors, and the teacher's tensors as `teacher.NAME`."""
    if table.mixtures and site.layer is not None:
        alpha = state[f"layer.{site.layer}.mixture"]
        weight = (alpha @ state[TEACHER + site.stack.weight]).reshape(site.output, site.input)
        bias = (alpha @ state[TEACHER + site.stack.bias]).reshape(site.output)
    else:
        weight, bias = state[TEACHER + site.theirs.weight], state[TEACHER + site.theirs.bias]
    rows, columns = state[f"{site.site}.R"], state[f"{site.site}.L"]
    if _rows_first(site):
        merged = apply_columns(apply_rows(rows, weight), columns)
    else:
        merged = apply_rows(rows, apply_columns(weight, columns))
    shift = apply_rows(rows, bias[:, None]).reshape(-1)
    return (merged, shift) if site.factor == 1 else (site.factor * merged, site.factor * shift)


def merge(
    blueprint: Blueprint,
    compactors: Compactors,
    table: Table,
    tied: bool,
    state: Mapping[str, Tensor],
    embeddings: bool = True,
    decoder: bool = True,
) -> Tensors:
    """
    The student's parameters by their names.

    :param embeddings: whether the tables are merged; else they are the teacher's own, and their compactor is applied to rows
    :param decoder: the same of the decoder
    """
    merged: Tensors = {}
    for site in compactors.sites:
        merged[site.ours.weight], merged[site.ours.bias] = merge_site(site, table, state)
    for module in blueprint.teacher.tables:
        own = state[TEACHER + module.weight]
        merged[module.weight] = own @ state[EMBEDDINGS] if embeddings else own
    head = blueprint.teacher.module("decoder")
    if not tied:
        own = state[TEACHER + blueprint.teacher.decoder]
        merged[head.weight] = own @ state[DECODER] if decoder else own
    merged[str(head.bias)] = state[TEACHER + str(head.bias)]
    for norm in compactors.norms:
        for name in (norm.ours.weight, norm.ours.bias):
            merged[name] = state[name]
    return merged


def kept_norms(compactors: Compactors, teacher: Mapping[str, Tensor], kept: Callable[[str], Tensor]) -> Tensors:
    """Student LayerNorms at the kept dimensions of the teacher's. `kept` gives the indices of a space."""
    norms: Tensors = {}
    for norm in compactors.norms:
        for theirs, ours in ((norm.theirs.weight, norm.ours.weight), (norm.theirs.bias, norm.ours.bias)):
            norms[ours] = teacher[theirs][kept(norm.writes)]
    return norms


def tables_met(blueprint: Blueprint, table: Table, tokens: int, slots: int, learns: bool) -> tuple[bool, bool]:
    """
    Whether embeddings and decoder are merged: what takes fewer multiplications in a step of so many tokens and predicted tokens, as in
    the studio's siteCost.ts. Linear layers are always merged: a process sees thousands of rows.
    """
    wide, ours = table.table_width(table.teacher), table.table_width(table.student)
    vocabulary = int(blueprint.teacher.config["vocabSize"])
    height = sum(int(blueprint.teacher.shapes[m.weight][0]) for m in blueprint.teacher.tables)
    twice = 3 if learns else 2
    lookup = (twice * height * wide * ours, twice * tokens * wide * ours)
    decoder_merge = 0 if table.tied else twice * vocabulary * wide * ours
    decoder = (decoder_merge + 3 * slots * ours * vocabulary, slots * (3 * ours * wide + twice * wide * vocabulary))
    if table.tied:
        both = lookup[0] + decoder[0] <= lookup[1] + decoder[1]
        return both, both
    return lookup[0] <= lookup[1], decoder[0] <= decoder[1]
