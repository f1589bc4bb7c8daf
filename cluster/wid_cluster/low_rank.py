"""
Compactors of which training changes a part of low rank (docs/method.md section 3, low rank): L = L0 + A B, R = R0 + P Q, so that
R W L = R0 W L0 + ((R0 W) A + P (Q W A)) B + P (Q (W L0)). What never changes is multiplied once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping, Sequence

import torch
from torch import Tensor

from .blueprint import Blueprint, Site, Table, Tensors
from .merge import DECODER, EMBEDDINGS, TEACHER, apply_columns, apply_rows

LEARNED = "learned."


def rank_of(shape: Sequence[int], rank: int) -> int | None:
    """The rank of a compactor's trained part; None if it is trained whole, as those inside heads are."""
    return None if len(shape) == 3 or min(shape) <= rank else rank


def is_whole(shapes: Mapping[str, Sequence[int]], rank: int) -> bool:
    return all(rank_of(shape, rank) is None for shape in shapes.values())


def factor_names(shapes: Mapping[str, Sequence[int]], rank: int) -> list[str]:
    """What is trained of the compactors: whole ones by their own names, factors by `.left` and `.right`."""
    names: list[str] = []
    for name, shape in shapes.items():
        r = rank_of(shape, rank)
        names += [name] if r is None else [f"{name}.left", f"{name}.right"] if r > 0 else []
    return names


def tables_met(blueprint: Blueprint, table: Table, rank: int, tokens: int, slots: int, learns: bool) -> tuple[bool, bool]:
    """Whether embeddings and decoder are merged, by count, as in the studio's lowRank.ts; if merged tables learn, they are needed."""
    if learns:
        return True, True
    wide, ours = table.table_width(table.teacher), table.table_width(table.student)
    vocabulary = int(blueprint.teacher.config["vocabSize"])
    height = sum(int(blueprint.teacher.shapes[m.weight][0]) for m in blueprint.teacher.tables)

    def merged(rows: int) -> int:
        return rows * (2 * wide * ours if rank_of((wide, ours), rank) is None else rank * (2 * wide + 3 * ours))

    lookup = (merged(height), 2 * tokens * wide * ours)
    decoder = (merged(vocabulary) + 3 * slots * ours * vocabulary, slots * (3 * ours * wide + 2 * wide * vocabulary))
    if not table.tied:
        return lookup[0] <= lookup[1], decoder[0] <= decoder[1]
    both = lookup[0] + decoder[0] - merged(vocabulary) <= lookup[1] + decoder[1]
    return both, both


@dataclass(frozen=True)
class LowRank:
    """A merge of low rank: what it is made of, and what no step changes."""

    blueprint: Blueprint
    rank: int
    embeddings: bool
    decoder: bool
    #: The teacher's tensors as `teacher.NAME`, and compactors as they began.
    teacher: Tensors
    closed: Tensors
    #: Products of the two.
    products: Tensors

    @staticmethod
    def of(blueprint: Blueprint, rank: int, met: tuple[bool, bool], teacher: Tensors, closed: Tensors) -> LowRank:
        products: Tensors = {}
        with torch.no_grad():
            for site in blueprint.compactors.sites:
                rows, columns = rank_of(site.row_shape, rank), rank_of(site.column_shape, rank)
                weight, bias = teacher[TEACHER + site.theirs.weight], teacher[TEACHER + site.theirs.bias]
                R, L = closed[f"{site.site}.R"], closed[f"{site.site}.L"]
                if rows is not None:
                    products[f"{site.site}.RW"] = apply_rows(R, weight)
                    products[f"{site.site}.Rb"] = apply_rows(R, bias[:, None]).reshape(-1)
                if columns is not None:
                    products[f"{site.site}.WL"] = apply_columns(weight, L)
                if rows is not None and columns is not None:
                    products[f"{site.site}.RWL"] = apply_columns(products[f"{site.site}.RW"], L)
            made = LowRank(blueprint, rank, *met, teacher, closed, products)
            for name, weight_name, compactor in made._tables():
                products[name] = teacher[TEACHER + weight_name] @ closed[compactor]
        return made

    def _tables(self) -> list[tuple[str, str, str]]:
        """Merged tables of low rank: in the student, in the teacher, and their compactor."""
        table, teacher = self.blueprint.table, self.blueprint.teacher
        if rank_of(self.blueprint.compactors.shapes[EMBEDDINGS], self.rank) is None:
            return []
        found = [(m.weight, m.weight, EMBEDDINGS) for m in teacher.tables] if self.embeddings else []
        return found + ([] if table.tied or not self.decoder else [(teacher.module("decoder").weight, teacher.decoder, DECODER)])

    def compactor(self, name: str, trained: Mapping[str, Tensor]) -> Tensor:
        """X0 + left right."""
        r = rank_of(self.blueprint.compactors.shapes[name], self.rank)
        if r is None:
            return trained[name]
        return self.closed[name] if r == 0 else self.closed[name] + trained[f"{name}.left"] @ trained[f"{name}.right"]

    def compactors(self, trained: Mapping[str, Tensor]) -> Tensors:
        """The whole compactors that closed forms and factors amount to."""
        return {name: self.compactor(name, trained) for name in self.blueprint.compactors.shapes}

    def merge(self, trained: Mapping[str, Tensor]) -> Tensors:
        """The student's parameters by their names; tables that are not merged are the teacher's own."""
        merged: Tensors = {}
        for site in self.blueprint.compactors.sites:
            merged[site.ours.weight], merged[site.ours.bias] = self._site(site, trained)
        teacher, table = self.blueprint.teacher, self.blueprint.table
        low = {name: (weight, compactor) for name, weight, compactor in self._tables()}
        tables = [(m.weight, m.weight, EMBEDDINGS, self.embeddings) for m in teacher.tables]
        if not table.tied:
            tables.append((teacher.module("decoder").weight, teacher.decoder, DECODER, self.decoder))
        for name, weight, compactor, is_merged in tables:
            own = self.teacher[TEACHER + weight]
            if not is_merged:
                merged[name] = own
            elif name not in low:
                merged[name] = own @ trained[compactor]
            elif self.rank == 0:
                merged[name] = self.products[name]
            else:
                merged[name] = self.products[name] + own @ trained[f"{compactor}.left"] @ trained[f"{compactor}.right"]
        bias = str(teacher.module("decoder").bias)
        merged[bias] = self.teacher[TEACHER + bias]
        for norm in self.blueprint.compactors.norms:
            for name in (norm.ours.weight, norm.ours.bias):
                merged[name] = trained[name]
        return {name: value + trained[LEARNED + name] if LEARNED + name in trained else value for name, value in merged.items()}

    def _site(self, site: Site, trained: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        rows, columns = rank_of(site.row_shape, self.rank), rank_of(site.column_shape, self.rank)
        W, b = self.teacher[TEACHER + site.theirs.weight], self.teacher[TEACHER + site.theirs.bias]
        R, L = f"{site.site}.R", f"{site.site}.L"

        def part(name: str) -> Tensor:
            return self.products[f"{site.site}.{name}"]

        if rows is None:
            read = W if columns is None else part("WL")
            if columns is not None and columns > 0:
                read = read + W @ trained[f"{L}.left"] @ trained[f"{L}.right"]
            weight = apply_rows(trained[R], read)
            weight = apply_columns(weight, trained[L]) if columns is None else weight
            bias = apply_rows(trained[R], b[:, None]).reshape(-1)
        else:
            bias = part("Rb")
            written = part("RW") if columns is None else part("RWL")
            if rows > 0:
                P, Q = trained[f"{R}.left"], trained[f"{R}.right"]
                written = written + P @ (Q @ (W if columns is None else part("WL")))
                bias = bias + P @ (Q @ b)
            if columns is None:
                weight = apply_columns(written, trained[L])
            elif columns == 0:
                weight = written
            else:
                A, B = trained[f"{L}.left"], trained[f"{L}.right"]
                both = part("RW") @ A
                if rows > 0:
                    both = both + P @ ((Q @ W) @ A)
                weight = written + both @ B
        return (weight, bias) if site.factor == 1 else (site.factor * weight, site.factor * bias)
